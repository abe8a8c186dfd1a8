import { describeConformance } from '@kv/core/conformance/vitest';
import { startServers } from '@kv-tooling/servers';
import { etcdHarness } from '../../etcd/test/harness.ts';
import { recipeCases } from './cases/index.ts';

describeConformance({
  name: 'recipes on etcd',
  harness: async () => etcdHarness(await startServers('etcd'), 'app/recipes'),
  cases: recipeCases,
});
