import { describeConformance } from '@kv/core/conformance/vitest';
import { startServers } from '@kv-tooling/servers';
import { consulHarness } from '../../harness.ts';

describeConformance({
  name: 'consul, HTTPS and ACL',
  harness: async () => consulHarness(await startServers('consul', { secured: true })),
});
