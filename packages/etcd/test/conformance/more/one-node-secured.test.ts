import { describeConformance } from '@kv/core/conformance/vitest';
import { startServers } from '@kv-tooling/servers';
import { etcdHarness } from '../../harness.ts';

describeConformance({
  name: 'etcd, TLS and login',
  harness: async () => etcdHarness(await startServers('etcd', { secured: true }), 'app/conformance'),
});
