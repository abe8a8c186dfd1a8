import assert from 'node:assert/strict';
import { test } from 'vitest';
import { missingMajors } from '../missing-majors.ts';

const drivers = ['@kv/one', '@kv/two'];

function changeset(releases: Record<string, string>) {
  return { releases: Object.entries(releases).map(([name, type]) => ({ name, type })) };
}

test('a major of core needs a major of each driver', () => {
  const changesets = [changeset({ '@kv/core': 'major', '@kv/one': 'minor' }), changeset({ '@kv/two': 'major' })];
  assert.deepEqual(missingMajors(changesets, '@kv/core', drivers), ['@kv/one']);
});

test('the majors may be in any changeset, beside lesser ones', () => {
  const changesets = [
    changeset({ '@kv/one': 'patch' }),
    changeset({ '@kv/core': 'major', '@kv/two': 'major' }),
    changeset({ '@kv/one': 'major' }),
  ];
  assert.deepEqual(missingMajors(changesets, '@kv/core', drivers), []);
});

test('a lesser version of core needs nothing of the drivers', () => {
  assert.deepEqual(missingMajors([changeset({ '@kv/core': 'minor' })], '@kv/core', drivers), []);
  assert.deepEqual(missingMajors([], '@kv/core', drivers), []);
});
