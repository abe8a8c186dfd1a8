import assert from 'node:assert/strict';
import { test } from 'vitest';
import { needsReason, reasonFor, reasonOf, rowsWithoutReason } from '../src/reasons.ts';
import { comparedRow, countedRow, resultsOf } from './results.ts';

test('a row needs a reason below 0.95 of the bare client, or above the fewest requests', () => {
  assert.equal(needsReason(comparedRow('calls/get/1', 0.95)), false);
  assert.equal(needsReason(comparedRow('calls/get/1', 0.949)), true);
  assert.equal(needsReason(countedRow('wire/get', 1, 1)), false);
  assert.equal(needsReason(countedRow('wire/get', 1.05, 1)), true);
});

test('a pattern stands for the rows that it fits from end to end, and the first one counts', () => {
  const known = { 'etcd/calls/get/1': 'one', 'etcd/calls/get/*': 'many', '*/1 to 2 s (a.b)': 'signs' };
  assert.equal(reasonFor('etcd/calls/get/1', known), 'one');
  assert.equal(reasonFor('etcd/calls/get/64', known), 'many');
  assert.equal(reasonFor('etcd/calls/get', known), undefined);
  assert.equal(reasonFor('another/etcd/calls/get/1', known), undefined);
  assert.equal(reasonFor('x/1 to 2 s (a.b)', known), 'signs');
  assert.equal(reasonFor('x/1 to 2 s (aXb)', known), undefined);
});

test('rows without a reason are told by their places', () => {
  const results = resultsOf(
    comparedRow('calls/get/1', 0.5),
    comparedRow('calls/put/1', 0.5),
    comparedRow('keys/get/1', 2),
  );
  assert.deepEqual(rowsWithoutReason(results, { 'etcd/calls/get/*': 'known' }), ['etcd/calls/put/1']);
});

test('a row that is a little slower needs none of its own if a round was as fast', () => {
  const row = (median: number, max: number) => {
    const slower = comparedRow('calls/get/1', median);
    return {
      ...slower,
      cells: { ...slower.cells, bare: { value: { median: 1, min: 1, max: 1 }, ratio: { median, min: 0.5, max } } },
    };
  };
  assert.match(reasonOf('etcd', row(0.9, 1.1), {}) ?? '', /differ/);
  assert.equal(reasonOf('etcd', row(0.9, 0.99), {}), undefined);
  assert.equal(reasonOf('etcd', row(0.8, 1.1), {}), undefined);
});
