import { test } from 'vitest';
import { historyOn } from './backend.ts';

test('12 terms of 5 candidates, with kills and freezes', { timeout: 240_000 }, async () => {
  await historyOn('zookeeper', { candidates: 5, terms: 12, kills: 2, freezes: 2 });
});
