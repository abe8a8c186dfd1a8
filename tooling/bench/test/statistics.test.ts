import assert from 'node:assert/strict';
import { test } from 'vitest';
import { quantile, ratio, spread } from '../src/statistics.ts';

test('a quantile lies between the numbers around its place', () => {
  assert.equal(quantile([3, 1, 2], 0.5), 2);
  assert.equal(quantile([4, 1, 3, 2], 0.5), 2.5);
  assert.equal(quantile([10, 20], 0.99), 19.9);
  assert.equal(quantile([7], 0.99), 7);
});

test('there is no quantile of nothing', () => {
  assert.throws(() => quantile([], 0.5), /no measurements/);
});

test('a spread is the median and both ends', () => {
  assert.deepEqual(spread([5, 1, 3]), { median: 3, min: 1, max: 5 });
});

test('a ratio is made round by round, and over 1 where ours is better', () => {
  // The medians alone would give 1.
  assert.deepEqual(ratio([10, 20, 30], [20, 10, 20], 'more'), { median: 1.5, min: 0.5, max: 2 });
  assert.deepEqual(ratio([10, 20], [20, 10], 'less'), { median: 1.25, min: 0.5, max: 2 });
});

test('rounds that do not belong together are not compared', () => {
  assert.throws(() => ratio([1, 2], [1], 'more'), /rounds/);
});
