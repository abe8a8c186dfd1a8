import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { cases } from '@kv/core/conformance';
import { describe, test } from 'vitest';
import { compatibilityPage } from '../src/compatibility.ts';
import { deployments } from '../src/deployments.ts';
import { readPage } from '../src/pages.ts';
import { keptReports, newReports } from '../src/reports.ts';

const remedy = 'kv pnpm run reports (CONTRIBUTING.md) brings it up to date';

describe('docs/compatibility.md', () => {
  test('is what the reports in docs/reports say', () => {
    assert.equal(readPage('docs/compatibility.md'), compatibilityPage(keptReports()), remedy);
  });

  test('has a report of each deployment that every run of the tests has, and of no unknown one', () => {
    const kept = keptReports().map(({ name }) => name);
    assert.deepEqual(
      deployments('in every run').filter((name) => !kept.includes(name)),
      [],
      remedy,
    );
    const known = deployments('all');
    assert.deepEqual(
      kept.filter((name) => !known.includes(name)),
      [],
      remedy,
    );
  });

  test.each(keptReports())('has cases of the suite for $name, and no other', ({ name, cases: kept }) => {
    const known = cases.map(({ id }) => id).sort();
    const expected = deployments('in every run').includes(name) ? known : known.filter((id) => id in kept);
    assert.deepEqual(Object.keys(kept).sort(), expected, remedy);
  });

  test.each(keptReports())('has nothing but results of $name that may be published', ({ cases: kept }) => {
    for (const [id, result] of Object.entries(kept)) {
      assert.match(result, /^(passed|(unsupported|not-exercised): \S+)$/, id);
    }
  });
});

test('of the reports that a run has left, those of deployments are taken, and no other', () => {
  const folder = mkdtempSync(`${tmpdir()}/kv-reports-`);
  try {
    for (const [file, name] of [
      ['memory.json', 'memory'],
      ['files.json', 'files'],
      ['zookeeper-three-servers.json', 'zookeeper, three servers'],
    ]) {
      writeFileSync(`${folder}/${file}`, JSON.stringify({ name }));
    }
    const found = newReports(folder).map(({ file, report }) => [file, report.name]);
    assert.deepEqual(found, [
      ['memory.json', 'memory'],
      ['zookeeper-three-servers.json', 'zookeeper, three servers'],
    ]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
