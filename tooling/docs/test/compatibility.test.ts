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

  test('has reports of deployments that are tested, and of no other', () => {
    const tested = deployments();
    assert.deepEqual(
      keptReports().filter(({ name }) => !tested.includes(name)),
      [],
      remedy,
    );
  });

  test.each(keptReports())('has cases of the suite for $name, and no other', ({ cases: kept }) => {
    const known = new Set(cases.map(({ id }) => id));
    assert.deepEqual(
      Object.keys(kept).filter((id) => !known.has(id)),
      [],
      remedy,
    );
  });

  test.each(keptReports())('has nothing but results of $name that may be published', ({ cases: kept }) => {
    for (const [id, result] of Object.entries(kept)) {
      assert.match(result, /^(passed|(unsupported|not-exercised): \S+)$/, id);
    }
  });
});

/** The names that the deployments' test files give to their runs. */
function deployments(): string[] {
  return globSync('packages/*/test/conformance/**/*.test.ts', { cwd: repository })
    .map((file) => {
      const name = /describeConformance\(\{\s*name: '([^']+)'/.exec(readFileSync(`${repository}/${file}`, 'utf8'))?.[1];
      if (name === undefined) throw new Error(`${file} does not name its deployment`);
      return name;
    })
    .sort();
}
