import { defineConfig } from 'vitest/config';

export default defineConfig({
  resolve: { conditions: ['@kv/source'] },
  ssr: { resolve: { conditions: ['@kv/source'] } },
  test: { pool: 'forks' },
});
