import { describeConformance } from '@kv/core/conformance/vitest';
import { type StartOptions, startServers } from '@kv-tooling/servers';
import { consulHarness } from './harness.ts';

const deployments: Record<string, StartOptions> = {
  'consul, one server': {},
  'consul, three servers, HTTPS and ACL': { size: 3, secured: true },
};

for (const [name, options] of Object.entries(deployments)) {
  describeConformance({ name, harness: async () => consulHarness(await startServers('consul', options)) });
}
