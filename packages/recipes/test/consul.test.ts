import { describeConformance } from '@kv/core/conformance/vitest';
import { startServers } from '@kv-tooling/servers';
import { consulHarness } from '../../consul/test/harness.ts';
import { recipeCases } from './cases/index.ts';

describeConformance({
  name: 'recipes on Consul',
  harness: async () => consulHarness(await startServers('consul'), 'app/recipes'),
  cases: recipeCases,
});
