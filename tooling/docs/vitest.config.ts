import { testProject } from '@kv-tooling/build/vitest';

export default testProject('docs', {
  globalSetup: ['test/global-setup.ts'],
  testTimeout: 60_000,
  hookTimeout: 120_000,
});
