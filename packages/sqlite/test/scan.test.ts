import { expect, test } from 'vitest';
import { open } from './open-stores.ts';
import { Program } from './program.ts';
import type { ScanMemory } from './programs/scan-memory.ts';
import { temporaryDatabase } from './temporary-database.ts';

test('a scan of 100,000 keys needs less than 64 MiB', { timeout: 60_000 }, async () => {
  const path = await temporaryDatabase();
  const store = await open(path, { durability: 'normal', timeout: 60_000 });
  const value = new Uint8Array(1_024);
  for (let from = 0; from < 100_000; from += 5_000) {
    await Promise.all(Array.from({ length: 5_000 }, (_, i) => store.put(`services/${from + i}`, value)));
  }
  const { keys, growth } = await Program.start<ScanMemory>('scan-memory', path).message();
  expect(keys).toBe(100_000);
  expect(growth).toBeLessThan(64 << 20);
});
