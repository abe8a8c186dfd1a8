import { defineConfig } from 'vitest/config';
import { LongestFirst } from './tooling/build/longest-first.ts';

export default defineConfig({
  test: {
    projects: ['packages/*/vitest.config.ts', 'tooling/*/vitest.config.ts', 'examples/*/vitest.config.ts'],
    sequence: { sequencer: LongestFirst },
    // Most of the time the tests wait: for a server that restarts, for something that expires.
    maxWorkers: '150%',
  },
});
