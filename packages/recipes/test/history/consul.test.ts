import { test } from 'vitest';
import { historyOn } from './backend.ts';

test('5 terms of 5 candidates, with kills and freezes', { timeout: 240_000 }, async () => {
  await historyOn('consul', { candidates: 5, terms: 5, kills: 1, freezes: 1 });
});
