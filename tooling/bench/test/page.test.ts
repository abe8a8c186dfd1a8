import assert from 'node:assert/strict';
import { test } from 'vitest';
import { committedProblems } from '../src/page/files.ts';
import { page } from '../src/page/page.ts';
import { plots } from '../src/page/plots.ts';
import { comparedRow, resultsOf } from './results.ts';

test('the page tells the machine, the versions, the date, and what was left out', () => {
  const text = page(resultsOf(comparedRow('calls/get/1', 1.25)));
  for (const told of ['a CPU, 2 cores', 'v24.0.0', 'etcd3 1.1.2', '2026-01-02 03:04 UTC', '- libkv is skipped']) {
    assert.ok(text.includes(told), told);
  }
  assert.match(text, /\| get, 1 \(calls\/s\) \| 1,250 \| 1,000 \| 1\.25 \(1\.25–1\.25\) \|/);
  assert.doesNotMatch(text, /reason/);
});

test('the page lists rows without a reason', () => {
  const text = page(resultsOf(comparedRow('no such section/get/1', 0.5)));
  assert.match(text, /## Rows without a reason\n\n- `etcd\/no such section\/get\/1`/);
});

test('there is a plot of the ratios, and of what grows', () => {
  const drawn = plots(
    resultsOf(comparedRow('calls/get/1', 0.5), comparedRow('keys/get/10', 1), comparedRow('keys/get/100', 0.1)),
  );
  assert.deepEqual(Object.keys(drawn), ['etcd-calls.svg', 'etcd-keys.svg']);
  assert.match(drawn['etcd-calls.svg'] ?? '', />0\.50</);
  assert.doesNotMatch(Object.values(drawn).join(), /NaN|undefined/);
});

test('the committed page is that of the committed results, and each row that needs a reason has one', () => {
  assert.deepEqual(committedProblems(), []);
});
