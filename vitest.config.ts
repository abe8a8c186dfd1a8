import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    projects: ['packages/*/vitest.config.ts', 'tooling/*/vitest.config.ts', 'examples/*/vitest.config.ts'],
    // The other half of the cores is for the servers and processes that the tests start: many tests measure time.
    maxWorkers: '50%',
  },
});
