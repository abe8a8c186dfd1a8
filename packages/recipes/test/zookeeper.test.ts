import { describeConformance } from '@kv/core/conformance/vitest';
import { startServers } from '@kv-tooling/servers';
import { zooKeeperHarness } from '../../zookeeper/test/harness.ts';
import { recipeCases } from './cases/index.ts';

describeConformance({
  name: 'recipes on ZooKeeper',
  harness: async () => zooKeeperHarness(await startServers('zookeeper'), 'app/recipes'),
  cases: recipeCases,
});
