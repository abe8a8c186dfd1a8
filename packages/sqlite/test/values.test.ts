import assert from 'node:assert/strict';
import { test } from 'vitest';
import { open } from './open-stores.ts';
import { temporaryDatabase } from './temporary-database.ts';

/** Around the length up to which values are read as text. */
const lengths = [0, 1, 255, 256, 257, 4_096];

test('values of all bytes come back as they are, long or short, by each way of reading', async () => {
  const store = await open(await temporaryDatabase());
  const written = new Map(
    lengths.map((length) => [`values/${length}`, Uint8Array.from({ length }, (_, i) => (i * 7 + length) % 256)]),
  );
  for (const [key, value] of written) await store.put(key, value);
  const scanned = await Array.fromAsync(store.scan('values'));
  const watched = await store.watchTree('values')[Symbol.asyncIterator]().next();
  for (const [key, value] of written) {
    const ways = [
      await store.get(key),
      (await store.getMany([key]))[0],
      (await store.list('values')).find((pair) => pair.key === key),
      (await store.list('values', { recursive: false })).find((pair) => pair.key === key),
      scanned.find((pair) => pair.key === key),
      watched.value?.pairs.get(key),
    ];
    for (const pair of ways) assert.deepEqual(pair?.value, value, key);
  }
});
