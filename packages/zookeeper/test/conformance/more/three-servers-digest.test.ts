import { describeConformance } from '@kv/core/conformance/vitest';
import { startServers } from '@kv-tooling/servers';
import { zooKeeperHarness } from '../../harness.ts';

describeConformance({
  name: 'zookeeper, three servers and digest',
  harness: async () => zooKeeperHarness(await startServers('zookeeper', { size: 3, secured: true }), 'app/conformance'),
});
