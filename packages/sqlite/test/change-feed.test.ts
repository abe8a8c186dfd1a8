import Sqlite from 'better-sqlite3';
import { afterEach, beforeEach, expect, onTestFinished, test } from 'vitest';
import { eventually } from './eventually.ts';
import { open } from './open-stores.ts';
import { temporaryDatabase } from './temporary-database.ts';

/** How often stores have looked for changes. */
let looks = 0;
const prepare = Sqlite.prototype.prepare;

beforeEach(() => {
  looks = 0;
  Sqlite.prototype.prepare = function (this: Sqlite.Database, source: string) {
    const statement: Sqlite.Statement<unknown[]> = prepare.call(this, source);
    if (source !== 'PRAGMA data_version') return statement;
    const get = statement.get;
    statement.get = (...parameters) => {
      looks++;
      return get.apply(statement, parameters);
    };
    return statement;
  } as typeof prepare;
});

afterEach(() => {
  Sqlite.prototype.prepare = prepare;
});

/** Looks a second, at most. */
const rateLimit = 250;

async function looksWithin(milliseconds: number): Promise<number> {
  const [start, before] = [performance.now(), looks];
  while (performance.now() - start < milliseconds) await new Promise((resolve) => setTimeout(resolve, 10));
  return looks - before;
}

test('10,000 watchers of one key cost one poll, and all see the change of another store', async () => {
  const path = await temporaryDatabase();
  const [store, other] = [await open(path), await open(path)];
  const watches = Array.from({ length: 10_000 }, () => store.watch('key')[Symbol.asyncIterator]());
  await Promise.all(watches.map((watch) => watch.next()));
  const changed = Promise.all(watches.map((watch) => watch.next()));
  expect(await looksWithin(500)).toBeLessThan(rateLimit / 2);
  await other.put('key', 'x');
  const states = await changed;
  expect(states.every(({ value }) => value?.key === 'key')).toBe(true);
});

test('10,000 watches of keys and directories of their own cost one poll', async () => {
  const path = await temporaryDatabase();
  const [store, other] = [await open(path), await open(path)];
  const watches = Array.from({ length: 10_000 }, (_, i) =>
    i % 2 === 0 ? store.watch(`dir/${i}`)[Symbol.asyncIterator]() : store.watchTree(`dir/${i}`)[Symbol.asyncIterator](),
  );
  await Promise.all(watches.map((watch) => watch.next()));
  expect(await looksWithin(500)).toBeLessThan(rateLimit / 2);
  const changed = Promise.all([watches[4]?.next(), watches[5]?.next()]);
  await other.put('dir/4', 'x');
  await other.put('dir/5/child', 'x');
  await changed;
});

test('there is no poll without a watch', async () => {
  const store = await open(await temporaryDatabase());
  expect(await looksWithin(50)).toBe(0);
  const watch = store.watch('key')[Symbol.asyncIterator]();
  await watch.next();
  expect(await looksWithin(50)).toBeGreaterThan(0);
  await watch.return?.();
  expect(await looksWithin(50)).toBe(0);
});

test('the log of changes stays bounded, in rows and in bytes', { timeout: 30_000 }, async () => {
  const path = await temporaryDatabase();
  const store = await open(path);
  const database = new Sqlite(path);
  onTestFinished(() => void database.close());
  const log = () =>
    database.prepare('SELECT count(*) AS rows, coalesce(sum(length(value)), 0) AS bytes FROM changes').get() as {
      rows: number;
      bytes: number;
    };
  await Promise.all(Array.from({ length: 20_000 }, (_, i) => store.put(`key-${i % 10}`, 'x')));
  expect(log().rows).toBe(16_384);
  const large = new Uint8Array(4 << 20);
  for (let i = 0; i < 20; i++) await store.put('large', large);
  expect(log().bytes).toBeLessThanOrEqual(64 << 20);
  expect(log().bytes).toBeGreaterThan(32 << 20);
  expect(database.prepare('SELECT value_bytes FROM state').pluck().get()).toBe(log().bytes);
});

test('a watch that falls behind the log sees the state', { timeout: 30_000 }, async () => {
  const path = await temporaryDatabase();
  const [store, other] = [await open(path), await open(path)];
  await Promise.all(Array.from({ length: 17_000 }, (_, i) => other.put(`dir/${i}`, 'x')));
  await other.put('kept', 'x');
  const tree = store.watchTree('')[Symbol.asyncIterator]();
  expect((await tree.next()).value?.pairs.size).toBe(17_001);
  // More changes at once than the log holds.
  await other.deleteTree('dir');
  const { value } = await tree.next();
  expect([...(value?.pairs.keys() ?? [])]).toEqual(['kept']);
  expect(value?.changes).toHaveLength(17_000);
});

test('a database that was replaced by an older copy is seen as it is', async () => {
  const path = await temporaryDatabase();
  const store = await open(path);
  await store.put('key', 'old');
  const database = new Sqlite(path);
  onTestFinished(() => void database.close());
  await store.put('key', 'new');
  const watch = store.watch('key')[Symbol.asyncIterator]();
  await watch.next();
  database.exec(
    "BEGIN; UPDATE pairs SET revision = 1, value = 'old'; DELETE FROM changes WHERE revision = 2; UPDATE state SET revision = 1; COMMIT".replace(
      "'old'",
      "x'6f6c64'",
    ),
  );
  await eventually(async () => expect((await watch.next()).value?.revision).toBe('1'));
});
