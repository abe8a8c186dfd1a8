import { defineConfig } from 'vitest/config';
import { LongestFirst } from './tooling/build/longest-first.ts';

export default defineConfig({
  test: {
    projects: ['packages/*/vitest.config.ts', 'tooling/*/vitest.config.ts', 'examples/*/vitest.config.ts'],
    sequence: { sequencer: LongestFirst },
  },
});
