import { defineProject, type UserWorkspaceConfig } from 'vitest/config';

/** The tests of one package: all `*.test.ts` below `test/`, in shuffled order. */
export function testProject(name: string, test: UserWorkspaceConfig['test'] = {}): UserWorkspaceConfig {
  return defineProject({
    // The sources of the repository's packages, also in the processes that tests fork (vitest gives them to Node.js as
    // --conditions); otherwise as Node.js resolves.
    ssr: { resolve: { conditions: ['@kv/source', 'node'] } },
    test: {
      name,
      include: ['test/**/*.test.ts'],
      // The zookeeper binding crashes in worker threads.
      pool: 'forks',
      sequence: { shuffle: { tests: true } },
      ...test,
    },
  });
}
