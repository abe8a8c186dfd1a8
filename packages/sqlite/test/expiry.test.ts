import { setTimeout as delay } from 'node:timers/promises';
import Sqlite from 'better-sqlite3';
import { expect, onTestFinished, test } from 'vitest';
import { eventually } from './eventually.ts';
import { open } from './open-stores.ts';
import { Program } from './program.ts';
import { temporaryDatabase } from './temporary-database.ts';

const ttl = 500;

function raw(path: string): Sqlite.Database {
  const database = new Sqlite(path);
  onTestFinished(() => void database.close());
  return database;
}

const monotonicNow = () => Number(process.hrtime.bigint() / 1_000_000n);

test('a killed process disappears from the registry of the others', async () => {
  const path = await temporaryDatabase();
  const store = await open(path);
  const holder = Program.start('session-holder', path, 1_000);
  await holder.message();
  const watch = store.watch('services/me')[Symbol.asyncIterator]();
  expect((await watch.next()).value).toBeDefined();
  holder.kill('SIGKILL');
  const killed = performance.now();
  expect((await watch.next()).value).toBeUndefined();
  expect(performance.now() - killed).toBeLessThan(1_000 * store.capabilities.session.latestFactor);
});

test('what has expired is gone for a process that only reads, and really removed', async () => {
  const path = await temporaryDatabase();
  const writer = await open(path);
  await writer.put('key', 'x', { ttl });
  await writer.close();
  await delay(ttl + 20);
  const reader = await open(path);
  expect(await reader.get('key')).toBeUndefined();
  const database = raw(path);
  expect(database.prepare('SELECT count(*) FROM pairs').pluck().get()).toBe(0);
  expect(database.prepare('SELECT key, value FROM changes ORDER BY revision DESC').get()).toEqual({
    key: 'key',
    value: null,
  });
});

test('what has expired is not replaced but created anew', async () => {
  const store = await open(await temporaryDatabase());
  const first = await store.put('key', 'x', { ttl });
  await delay(ttl + 20);
  const second = await store.put('key', 'y');
  expect(second.createRevision).toBeGreaterThan(first.createRevision);
});

test('what has expired and cannot be removed is still told, since it is still there', async () => {
  const path = await temporaryDatabase();
  const store = await open(path);
  await store.put('key', 'x', { ttl });
  const other = raw(path);
  other.exec('BEGIN IMMEDIATE');
  await delay(ttl + 20);
  expect(await store.get('key')).toBeDefined();
  expect(await store.list('', { keysOnly: true })).toEqual(['key']);
  other.exec('ROLLBACK');
  expect(await store.get('key')).toBeUndefined();
});

test('sessions are kept on the clock of the machine since it was started', async () => {
  const path = await temporaryDatabase();
  const store = await open(path);
  const before = monotonicNow();
  await store.session({ ttl: 5_000 });
  const row = raw(path).prepare('SELECT renewed_at, expires_at FROM sessions').get() as Record<string, number>;
  expect(row['renewed_at']).toBeGreaterThanOrEqual(before);
  expect(row['renewed_at']).toBeLessThanOrEqual(monotonicNow());
  expect((row['expires_at'] as number) - (row['renewed_at'] as number)).toBeGreaterThanOrEqual(5_000);
});

test('a session that was renewed before the machine was started anew has ended', async () => {
  const path = await temporaryDatabase();
  const store = await open(path);
  const session = await store.session({ ttl: 60_000 });
  await store.put('key', 'x', { session });
  // The clock of the earlier start was further on than this one.
  raw(path).exec('UPDATE sessions SET renewed_at = renewed_at + 1e9, expires_at = expires_at + 1e9');
  const afterBoot = await open(path);
  expect(await afterBoot.get('key')).toBeUndefined();
});

test('one process that watches is enough to remove what others have left', async () => {
  const path = await temporaryDatabase();
  const watching = await open(path);
  const watch = watching.watchTree('unrelated')[Symbol.asyncIterator]();
  await watch.next();
  const writer = await open(path);
  await writer.put('key', 'x', { ttl });
  await writer.close();
  const database = raw(path);
  await eventually(() => expect(database.prepare('SELECT count(*) FROM pairs').pluck().get()).toBe(0), 2 * ttl);
});
