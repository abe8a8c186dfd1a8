import assert from 'node:assert/strict';
import { afterEach, describe, test, vi } from 'vitest';
import { backoff } from '../src/backoff.ts';

describe('backoff', () => {
  afterEach(() => void vi.restoreAllMocks());

  const longest = (attempt: number) => {
    vi.spyOn(Math, 'random').mockReturnValue(1);
    return backoff(attempt);
  };

  test('doubles with each attempt, up to two seconds', () => {
    assert.deepEqual(
      [1, 2, 3, 4, 5, 6, 7, 50, 2_000].map(longest),
      [50, 100, 200, 400, 800, 1_600, 2_000, 2_000, 2_000],
    );
  });

  test('is spread over the whole range', () => {
    vi.spyOn(Math, 'random').mockReturnValueOnce(0).mockReturnValueOnce(0.5);
    assert.equal(backoff(3), 0);
    assert.equal(backoff(3), 100);
  });
});
