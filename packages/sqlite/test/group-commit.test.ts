import { readFile } from 'node:fs/promises';
import { setImmediate as turn } from 'node:timers/promises';
import Sqlite from 'better-sqlite3';
import { expect, onTestFinished, test, vi } from 'vitest';
import { open } from './open-stores.ts';
import { temporaryDatabase } from './temporary-database.ts';

/** How many commits the write-ahead log holds: their last frames tell the size of the database. */
async function commitsIn(path: string): Promise<number> {
  const log = await readFile(`${path}-wal`);
  const [pageSize, salt] = [log.readUInt32BE(8), log.subarray(16, 24)];
  let commits = 0;
  for (let at = 32; at < log.length; at += 24 + pageSize) {
    if (log.subarray(at + 8, at + 16).equals(salt) && log.readUInt32BE(at + 4) > 0) commits++;
  }
  return commits;
}

/** Holds the write lock. @returns What lets go of it. */
function lock(path: string): () => void {
  const database = new Sqlite(path);
  onTestFinished(() => void database.close());
  database.exec('BEGIN IMMEDIATE');
  return () => void database.exec('ROLLBACK');
}

test('the writes of one turn of the event loop share a commit', async () => {
  const path = await temporaryDatabase();
  const store = await open(path);
  const before = await commitsIn(path);
  // Time stands still: what takes too long is committed in parts.
  const clock = vi.spyOn(performance, 'now').mockReturnValue(performance.now());
  onTestFinished(() => clock.mockRestore());
  await Promise.all(Array.from({ length: 64 }, (_, i) => store.put(`key-${i}`, 'value')));
  expect((await commitsIn(path)) - before).toBe(1);
  expect(await store.list('')).toHaveLength(64);
});

test('a write that fails does not fail those that share its commit', async () => {
  const store = await open(await temporaryDatabase());
  const pair = await store.put('exists', '1');
  await store.put('exists', '2');
  const [created, modified, missing, put, refused, deleted] = await Promise.allSettled([
    store.atomicPut('exists', 'x', null),
    store.atomicPut('exists', 'x', pair),
    store.atomicDelete('absent', { key: 'absent', revision: pair.revision }),
    store.put('neighbour', 'here'),
    store.transaction({ if: [{ key: 'absent', exists: true }], then: [{ type: 'put', key: 'neighbour', value: 'x' }] }),
    store.delete('absent'),
  ]);
  expect(created).toMatchObject({ reason: { code: 'KV_KEY_EXISTS', outcome: 'not-applied' } });
  expect(modified).toMatchObject({ reason: { code: 'KV_KEY_MODIFIED', outcome: 'not-applied' } });
  expect(missing).toMatchObject({ reason: { code: 'KV_KEY_NOT_FOUND', outcome: 'not-applied' } });
  expect(put).toMatchObject({ status: 'fulfilled' });
  expect(refused).toMatchObject({ value: { committed: false } });
  expect(deleted).toMatchObject({ value: false });
  expect((await store.list('')).map(({ key, value }) => [key, String.fromCharCode(...value)])).toEqual([
    ['exists', '2'],
    ['neighbour', 'here'],
  ]);
});

test('writes that share a commit see each other in order', async () => {
  const store = await open(await temporaryDatabase());
  const results = await Promise.allSettled(['a', 'b', 'c'].map((value) => store.atomicPut('key', value, null)));
  expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected']);
});

test('a write waits for the lock of another process, and does not block the event loop meanwhile', async () => {
  const path = await temporaryDatabase();
  const store = await open(path);
  await store.put('key', 'old');
  const unlock = lock(path);
  const writing = store.put('key', 'new');
  let turns = 0;
  for (const end = performance.now() + 100; performance.now() < end; turns++) await turn();
  expect(turns).toBeGreaterThan(100);
  expect((await store.get('key'))?.value).toEqual(new TextEncoder().encode('old'));
  unlock();
  await writing;
  expect((await store.get('key'))?.value).toEqual(new TextEncoder().encode('new'));
});

test('a write that does not get the lock by its deadline was not applied, and never will be', async () => {
  const path = await temporaryDatabase();
  const store = await open(path);
  const unlock = lock(path);
  await expect(store.put('late', 'x', { timeout: 100 })).rejects.toMatchObject({
    code: 'KV_TIMEOUT',
    outcome: 'not-applied',
    retryable: true,
  });
  unlock();
  await store.put('later', 'x');
  expect(await store.exists('late')).toBe(false);
});

test('a write that its caller has given up before its turn is not applied', async () => {
  const path = await temporaryDatabase();
  const store = await open(path);
  const unlock = lock(path);
  const abort = new AbortController();
  const writing = store.put('given-up', 'x', { signal: abort.signal });
  await turn();
  abort.abort(new Error('enough'));
  await expect(writing).rejects.toThrow('enough');
  unlock();
  await store.put('later', 'x');
  expect(await store.exists('given-up')).toBe(false);
});

test('reads go on while another process holds the write lock', async () => {
  const path = await temporaryDatabase();
  const [store, other] = [await open(path), await open(path)];
  await store.put('key', 'value');
  lock(path);
  expect(await other.exists('key')).toBe(true);
  expect(await other.list('')).toHaveLength(1);
  const { value } = await other.watchTree('')[Symbol.asyncIterator]().next();
  expect(value.pairs.size).toBe(1);
});

test('a program that reads in a loop until its own write has come does not wait for ever', async () => {
  const store = await open(await temporaryDatabase());
  const writing = store.put('key', 'value');
  while (!(await store.exists('key')));
  await writing;
});
