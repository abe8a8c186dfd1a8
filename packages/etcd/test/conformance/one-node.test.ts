import { describeConformance } from '@kv/core/conformance/vitest';
import { startServers } from '@kv-tooling/servers';
import { etcdHarness } from '../harness.ts';

describeConformance({
  name: 'etcd',
  harness: async () => etcdHarness(await startServers('etcd'), ''),
});
