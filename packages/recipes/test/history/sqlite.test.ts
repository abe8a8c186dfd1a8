import { test } from 'vitest';
import { historyOn } from './backend.ts';

test('20 terms of 5 candidates, with kills and freezes', { timeout: 240_000 }, async () => {
  await historyOn('sqlite', { candidates: 5, terms: 20, kills: 2, freezes: 2 });
});
