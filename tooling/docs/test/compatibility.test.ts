import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { cases } from '@kv/core/conformance';
import { describe, test } from 'vitest';
import { compatibilityPage } from '../src/compatibility.ts';
import { readPage, repository } from '../src/pages.ts';
import { keptReports } from '../src/reports.ts';

const remedy = 'kv pnpm run reports (CONTRIBUTING.md) brings it up to date';

describe('docs/compatibility.md', () => {
  test('is what the reports in docs/reports say', () => {
    assert.equal(readPage('docs/compatibility.md'), compatibilityPage(keptReports()), remedy);
  });

  test('has a report of each deployment that every run of the tests has, and of no unknown one', () => {
    const kept = keptReports().map(({ name }) => name);
    assert.deepEqual(
      deployments('*.test.ts').filter((name) => !kept.includes(name)),
      [],
      remedy,
    );
    const known = deployments('**/*.test.ts');
    assert.deepEqual(
      kept.filter((name) => !known.includes(name)),
      [],
      remedy,
    );
  });

  test.each(keptReports())('has cases of the suite for $name, and no other', ({ name, cases: kept }) => {
    const known = cases.map(({ id }) => id).sort();
    const expected = deployments('*.test.ts').includes(name) ? known : known.filter((id) => id in kept);
    assert.deepEqual(Object.keys(kept).sort(), expected, remedy);
  });

  test.each(keptReports())('has nothing but results of $name that may be published', ({ cases: kept }) => {
    for (const [id, result] of Object.entries(kept)) {
      assert.match(result, /^(passed|(unsupported|not-exercised): \S+)$/, id);
    }
  });
});

/** The names that the deployments' test files give to their runs. */
function deployments(files: string): string[] {
  return globSync(`packages/*/test/conformance/${files}`, { cwd: repository }).map((file) => {
    const name = /describeConformance\(\{\s*name: '([^']+)'/.exec(readFileSync(`${repository}/${file}`, 'utf8'))?.[1];
    if (name === undefined) throw new Error(`${file} does not name its deployment`);
    return name;
  });
}
