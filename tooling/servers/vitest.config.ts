import { testProject } from '@kv-tooling/build/vitest';

export default testProject('servers', {
  include: ['test/*.test.ts'],
  globalSetup: ['test/global-setup.ts'],
  // Each has up to three servers.
  maxConcurrency: 3,
  testTimeout: 60_000,
  hookTimeout: 60_000,
});
