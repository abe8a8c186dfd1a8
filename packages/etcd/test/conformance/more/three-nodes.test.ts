import { describeConformance } from '@kv/core/conformance/vitest';
import { startServers } from '@kv-tooling/servers';
import { etcdHarness } from '../../harness.ts';

describeConformance({
  name: 'etcd, three nodes',
  harness: async () => etcdHarness(await startServers('etcd', { size: 3 }), ''),
});
