import { defineConfig } from 'vitest/config';

export default defineConfig({
  root: import.meta.dirname,
  test: {
    include: ['hanging.vitest.ts'],
    globalSetup: ['hanging.global-setup.ts'],
    pool: 'forks',
    disableConsoleIntercept: true,
  },
});
