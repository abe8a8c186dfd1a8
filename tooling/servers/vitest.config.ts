import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    name: 'servers',
    include: ['test/*.test.ts'],
    globalSetup: ['test/global-setup.ts'],
    pool: 'forks',
    // Each has up to three servers.
    maxConcurrency: 3,
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
