import { describeConformance } from '@kv/core/conformance/vitest';
import { startServers } from '@kv-tooling/servers';
import { zooKeeperHarness } from '../harness.ts';

describeConformance({
  name: 'zookeeper',
  harness: async () => zooKeeperHarness(await startServers('zookeeper'), ''),
});
