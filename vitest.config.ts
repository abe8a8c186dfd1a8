import { defineConfig } from 'vitest/config';

export default defineConfig({
  resolve: { conditions: ['@kv/source'] },
  ssr: { resolve: { conditions: ['@kv/source'] } },
  test: {
    // The zookeeper binding crashes in worker threads.
    pool: 'forks',
    projects: ['packages/*', 'tooling/*', 'examples/*'],
  },
});
