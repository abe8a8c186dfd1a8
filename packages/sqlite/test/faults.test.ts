import { mkdir, open as openFile, readFile, truncate, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { describe, expect, test } from 'vitest';
import { open } from './open-stores.ts';
import { canMount, Program } from './program.ts';
import type { FullDisk } from './programs/fill-disk.ts';
import type { Told } from './programs/open-and-tell.ts';
import { temporaryDatabase } from './temporary-database.ts';

describe('a path that is no path of a database', () => {
  test('its directory does not exist', async () => {
    const path = join(dirname(await temporaryDatabase()), 'missing', 'kv.db');
    await expect(open(path)).rejects.toMatchObject({
      code: 'KV_INVALID_ARGUMENT',
      message: expect.stringMatching(/the directory .*missing does not exist/),
    });
  });

  test('its directory is a file', async () => {
    const file = await temporaryDatabase();
    await writeFile(file, 'text');
    await expect(open(join(file, 'kv.db'))).rejects.toMatchObject({
      code: 'KV_INVALID_ARGUMENT',
      message: expect.stringMatching(/is not a directory/),
    });
  });

  test('it is a directory', async () => {
    const path = await temporaryDatabase();
    await mkdir(path);
    await expect(open(path)).rejects.toMatchObject({
      code: 'KV_INVALID_ARGUMENT',
      message: expect.stringMatching(/is a directory/),
    });
  });

  test('it is a file of another kind, which stays as it is', async () => {
    const path = await temporaryDatabase();
    const content = 'This is the diary of somebody. '.repeat(100);
    await writeFile(path, content);
    await expect(open(path)).rejects.toMatchObject({
      code: 'KV_INVALID_ARGUMENT',
      message: expect.stringMatching(/not a SQLite database/),
    });
    expect(await readFile(path, 'utf8')).toBe(content);
  });
});

describe('a database of somebody else is refused, and stays as it is', () => {
  const others = {
    'with tables of its own': 'CREATE TABLE bookmarks (url TEXT)',
    'with an application id of its own': 'PRAGMA application_id = 252006675',
    'with a version of its own': 'PRAGMA user_version = 3',
  };
  for (const [what, sql] of Object.entries(others)) {
    test(what, async () => {
      const path = await temporaryDatabase();
      const other = new Sqlite(path);
      other.exec(sql);
      other.close();
      const before = await readFile(path);
      await expect(open(path)).rejects.toMatchObject({
        code: 'KV_INVALID_ARGUMENT',
        message: expect.stringMatching(/of another application/),
      });
      expect(await readFile(path)).toEqual(before);
    });
  }

  test('of a newer version of this package', async () => {
    const path = await temporaryDatabase();
    await (await open(path)).close();
    const newer = new Sqlite(path);
    newer.pragma('user_version = 99');
    newer.close();
    const before = await readFile(path);
    await expect(open(path)).rejects.toMatchObject({
      code: 'KV_UNSUPPORTED',
      message: expect.stringMatching(/version 99 .* up to 1/),
    });
    expect(await readFile(path)).toEqual(before);
  });
});

describe('a damaged file', () => {
  async function filled(): Promise<string> {
    const path = await temporaryDatabase();
    const store = await open(path);
    await Promise.all(Array.from({ length: 2_000 }, (_, i) => store.put(`dir/key-${i}`, 'x'.repeat(100))));
    await store.close();
    return path;
  }

  test('with pages overwritten is told when they are read', async () => {
    const path = await filled();
    const file = await openFile(path, 'r+');
    // All but the header and the schema.
    for (let page = 1; page < 40; page++) await file.write(Buffer.alloc(4_000, page * 37), 0, 4_000, page * 4_096);
    await file.close();
    const listing = open(path).then((store) => store.list('dir'));
    await expect(listing).rejects.toMatchObject({
      code: 'KV_INTERNAL',
      message: expect.stringMatching(/damaged \(SQLITE_CORRUPT/),
    });
  });

  test('with its end cut off is told', async () => {
    const path = await filled();
    await truncate(path, 3 * 4_096);
    const listing = open(path).then((store) => store.list('dir'));
    await expect(listing).rejects.toMatchObject({
      code: 'KV_INTERNAL',
      message: expect.stringMatching(/damaged \(SQLITE_CORRUPT/),
    });
  });
});

describe.skipIf(!canMount)('a disk (needs user namespaces, to mount one)', () => {
  test('that is full fails writes, keeps what was acknowledged, and nothing by halves', async () => {
    const directory = dirname(await temporaryDatabase());
    const program = Program.startWithMount<FullDisk>(
      `mount -t tmpfs -o size=8m tmpfs ${directory}`,
      'fill-disk',
      directory,
    );
    const told = await program.message();
    expect(told).toMatchObject({ code: 'KV_UNAVAILABLE', outcome: 'not-applied', ofTransaction: 0, recovered: true });
    expect(told.message).toMatch(/the disk is full/);
    expect(told.acknowledged).toBeGreaterThan(20);
    expect(told.found).toBe(told.acknowledged);
  });

  test('that is read-only is told when the store is opened', async () => {
    const path = await temporaryDatabase();
    await (await open(path)).close();
    const directory = dirname(path);
    const mount = `mount --bind ${directory} ${directory} && mount -o remount,ro,bind ${directory}`;
    const told = await Program.startWithMount<Told>(mount, 'open-and-tell', path).message();
    expect(told).toMatchObject({
      code: 'KV_PERMISSION_DENIED',
      message: expect.stringMatching(/needs both to be writable/),
    });
  });
});

test('a process that is frozen in the midst of a transaction stops writes, not reads and watches, and loses it when killed', async () => {
  const path = await temporaryDatabase();
  const store = await open(path);
  await store.put('key', 'whole');
  const watch = store.watch('key')[Symbol.asyncIterator]();
  await watch.next();
  const frozen = Program.start('half-transaction', path);
  await frozen.message();
  frozen.kill('SIGSTOP');
  await expect(store.put('key', 'next', { timeout: 200 })).rejects.toMatchObject({
    code: 'KV_TIMEOUT',
    outcome: 'not-applied',
  });
  const whole = new TextEncoder().encode('whole');
  expect((await store.get('key'))?.value).toEqual(whole);
  expect((await store.watch('key')[Symbol.asyncIterator]().next()).value?.value).toEqual(whole);
  frozen.kill('SIGKILL');
  await store.put('key', 'after');
  expect((await watch.next()).value?.value).toEqual(new TextEncoder().encode('after'));
});
