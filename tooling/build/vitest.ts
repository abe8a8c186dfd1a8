import { availableParallelism } from 'node:os';
import { defineProject, type UserWorkspaceConfig } from 'vitest/config';

/**
 * Also where that is all the cores, and the servers need some: most of the time the tests wait, for a server that restarts, for
 * something that expires. Vitest reads it from each project; in the root it has no effect.
 */
const maxWorkers = Math.max(2, availableParallelism());

/** The suite on deployments whose traits the other ones have between them. With KV_TEST_DEPLOYMENTS=all they are tested too. */
const moreDeployments = 'test/conformance/more/**';

/** The tests of one package: all `*.test.ts` below `test/`, in shuffled order. */
export function testProject(name: string, test: UserWorkspaceConfig['test'] = {}): UserWorkspaceConfig {
  return defineProject({
    // The sources of the repository's packages, also in the processes that tests fork (vitest gives them to Node.js as
    // --conditions); otherwise as Node.js resolves.
    ssr: { resolve: { conditions: ['@kv/source', 'node'] } },
    test: {
      name,
      include: ['test/**/*.test.ts'],
      exclude: process.env['KV_TEST_DEPLOYMENTS'] === 'all' ? [] : [moreDeployments],
      // The zookeeper binding crashes in worker threads.
      pool: 'forks',
      maxWorkers,
      sequence: { shuffle: { tests: true } },
      ...test,
    },
  });
}
