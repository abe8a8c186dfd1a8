import { describeConformance } from '@kv/core/conformance/vitest';
import { startServers } from '@kv-tooling/servers';
import { consulHarness } from '../../harness.ts';

describeConformance({
  name: 'consul, three servers',
  harness: async () => consulHarness(await startServers('consul', { size: 3 })),
});
