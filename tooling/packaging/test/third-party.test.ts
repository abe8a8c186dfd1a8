import assert from 'node:assert/strict';
import { cp } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { beforeAll, describe, inject, test } from 'vitest';
import { installProject } from '../src/project.ts';
import { run } from '../src/run.ts';

const example = join(import.meta.dirname, '../../../examples/file-backend');

describe('a backend by somebody else, on the packed @kv/core', () => {
  const project = join(dirname(inject('projects')['core'] as string), 'file-backend');

  beforeAll(async () => {
    await cp(example, project, { recursive: true, filter: (path) => !path.includes('node_modules') });
    const core = inject('packages').filter(({ folder }) => folder === 'core');
    await installProject(project, core);
  });

  test('compiles', () => run(project, 'tsc', ['-p', project]));

  test('passes the suite under node:test', { timeout: 300_000 }, async () => {
    const output = await run(project, process.execPath, ['--test', '--test-reporter=tap', 'test/conformance.test.ts']);
    const count = (what: string) => Number(new RegExp(`^# ${what} (\\d+)$`, 'm').exec(output)?.[1]);
    assert.equal(count('fail'), 0);
    assert(count('pass') >= 150, `only ${count('pass')} cases ran`);
    const reasons = [...output.matchAll(/# SKIP (\S+): (\S+)/g)].map(([, why, what]) => `${why}: ${what}`);
    // What the backend does not have, or what there is nobody to do it to: there is no server.
    assert.deepEqual([...new Set(reasons)].sort(), [
      'not-exercised: failover',
      'not-exercised: latency',
      'not-exercised: partition',
      'not-exercised: pause',
      'not-exercised: reset',
      'not-exercised: restart',
      'unsupported: ttl',
    ]);
  });
});
