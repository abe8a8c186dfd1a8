import { describeConformance } from '@kv/core/conformance/vitest';
import { startServers } from '@kv-tooling/servers';
import { zooKeeperHarness } from '../../harness.ts';

describeConformance({
  name: 'zookeeper, digest',
  harness: async () => zooKeeperHarness(await startServers('zookeeper', { secured: true }), 'app/conformance'),
});
