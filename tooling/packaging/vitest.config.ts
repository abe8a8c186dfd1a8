import { testProject } from '@kv-tooling/build/vitest';

export default testProject('packaging', {
  globalSetup: ['test/global-setup.ts'],
  testTimeout: 120_000,
  hookTimeout: 120_000,
});
