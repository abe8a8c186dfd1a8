import Sqlite from 'better-sqlite3';
import { expect, onTestFinished, test } from 'vitest';
import { open } from './open-stores.ts';
import { Program } from './program.ts';
import type { Told } from './programs/open-and-tell.ts';
import { temporaryDatabase } from './temporary-database.ts';

/** The database as any other tool sees it. */
function tool(path: string): Sqlite.Database {
  const database = new Sqlite(path);
  onTestFinished(() => void database.close());
  return database;
}

test('any SQLite tool reads the pairs', async () => {
  const path = await temporaryDatabase();
  const store = await open(path);
  await store.put('config/a', 'first');
  await store.put('config/a', 'second');
  const { expires_at, ...row } = tool(path)
    .prepare('SELECT *, CAST(value AS TEXT) AS value FROM pairs')
    .get() as Record<string, unknown>;
  expect(row).toEqual({ key: 'config/a', value: 'second', revision: 2, create_revision: 1, session: null });
  expect(expires_at).toBeNull();
});

test('the file tells whose it is', async () => {
  const path = await temporaryDatabase();
  await open(path);
  const database = tool(path);
  expect(database.pragma('application_id', { simple: true })).toBe(0x6b767371);
  expect(database.pragma('user_version', { simple: true })).toBe(1);
  expect(database.pragma('journal_mode', { simple: true })).toBe('wal');
});

test('revisions never restart', async () => {
  const path = await temporaryDatabase();
  let store = await open(path);
  const revisions: bigint[] = [];
  const write = async () => {
    const { revision, createRevision } = await store.put('key', 'x');
    expect(createRevision).toBe(BigInt(revision));
    revisions.push(createRevision);
    await store.delete('key');
  };
  await write();
  await write();
  await store.close();
  store = await open(path);
  await write();
  await store.deleteTree('');
  tool(path).exec('DELETE FROM changes; VACUUM');
  await write();
  await store.close();
  tool(path).exec('VACUUM');
  store = await open(path);
  await write();
  expect(revisions).toEqual([1n, 3n, 5n, 7n, 9n]);
});

test('many processes create the database at once', async () => {
  const path = await temporaryDatabase();
  const programs = Array.from({ length: 8 }, () => Program.start<Told>('open-and-tell', path));
  expect(await Promise.all(programs.map((program) => program.message()))).toEqual(
    programs.map(() => ({ opened: true })),
  );
  expect(await (await open(path)).list('process')).toHaveLength(8);
});

test('two stores of one process on one file see each other', async () => {
  const path = await temporaryDatabase();
  const [one, other] = [await open(path), await open(path)];
  await one.put('key', 'x');
  expect(await other.exists('key')).toBe(true);
  await one.close();
  await other.put('key', 'y');
  expect((await other.get('key'))?.value).toEqual(new TextEncoder().encode('y'));
});

test('a root keeps stores in one file apart', async () => {
  const path = await temporaryDatabase();
  const [whole, rooted] = [await open(path), await open(path, { root: '/teams/a/' })];
  const watch = rooted.watchTree('')[Symbol.asyncIterator]();
  expect((await watch.next()).value?.pairs.size).toBe(0);
  await whole.put('teams/ab', 'beside');
  await whole.put('teams/a/key', 'within');
  expect([...((await watch.next()).value?.pairs.keys() ?? [])]).toEqual(['key']);
  expect(await rooted.list('', { keysOnly: true })).toEqual(['key']);
  await rooted.deleteTree('');
  expect(await whole.list('', { keysOnly: true })).toEqual(['teams/ab']);
});

test('options that make no sense are refused', async () => {
  await expect(open(':memory:')).rejects.toMatchObject({
    code: 'KV_INVALID_ARGUMENT',
    message: expect.stringMatching(/@kv\/core\/memory/),
  });
  await expect(open('')).rejects.toMatchObject({ code: 'KV_INVALID_ARGUMENT' });
  await expect(open('kv.db', { durability: 'none' as never })).rejects.toMatchObject({ code: 'KV_INVALID_ARGUMENT' });
  await expect(open('kv.db', { root: 'a//b' })).rejects.toMatchObject({ code: 'KV_INVALID_KEY' });
});

test('durability is what the option says', async () => {
  // Seen from outside: only a full commit waits for the disk, so that the pragma of the connection is what there is to look at.
  const synchronous: unknown[] = [];
  const original = Sqlite.prototype.pragma;
  Sqlite.prototype.pragma = function (source, options) {
    if (source.startsWith('synchronous =')) synchronous.push(source);
    return original.call(this, source, options);
  };
  onTestFinished(() => {
    Sqlite.prototype.pragma = original;
  });
  await open(await temporaryDatabase());
  await open(await temporaryDatabase(), { durability: 'normal' });
  expect(synchronous).toEqual(['synchronous = FULL', 'synchronous = NORMAL']);
});
