import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { type CallContext, KvError } from '@kv/core';
import Sqlite, { type Database } from 'better-sqlite3';
import { monotonicNow } from './clock.ts';
import { isBusy, toKvError } from './errors.ts';
import { lockPause } from './lock-pause.ts';
import { applicationId, migrations } from './schema.ts';

/** What SQLite calls the two: with FULL a commit is on the disk when it returns, with NORMAL it is soon. */
const synchronous = { full: 'FULL', normal: 'NORMAL' } as const;

export type Durability = keyof typeof synchronous;

/** The write-ahead log is cut to this size once its content is in the database, in bytes. */
const longestIdleLog = 64 << 20;

/**
 * Opens the database, or creates it, in the newest version of the schema. Many processes may do so at once.
 *
 * @throws {KvError} That says what is wrong with the path or the file, which has not been changed then.
 */
export async function openDatabase(path: string, durability: Durability, call: CallContext): Promise<Database> {
  await checkPath(path);
  for (;;) {
    try {
      return open(path, durability);
    } catch (error) {
      const wait = lockPause();
      if (!isBusy(error) || performance.now() + wait >= call.deadline) throw toKvError(error);
      await pause(wait, undefined, { signal: call.signal });
    }
  }
}

async function checkPath(path: string): Promise<void> {
  const directory = dirname(path);
  try {
    if (!(await stat(directory)).isDirectory()) throw invalid(`${directory} is not a directory`);
    if ((await stat(path)).isDirectory()) throw invalid(`${path} is a directory: \`path\` must be that of a file`);
  } catch (error) {
    if (KvError.is(error)) throw error;
    const { code, path: missing } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' && missing === path) return;
    if (code === 'ENOENT') throw invalid(`the directory ${directory} does not exist: create it first`, error);
    if (code === 'ENOTDIR') throw invalid(`${directory} is not a directory`, error);
    throw new KvError('KV_PERMISSION_DENIED', `${path} cannot be looked up (${code})`, { cause: error });
  }
}

function open(path: string, durability: Durability): Database {
  // No busy handler: it would block the event loop. Whoever meets a lock waits by itself.
  const database = new Sqlite(path, { timeout: 0 });
  try {
    checkOwner(database);
    const mode = database.pragma('journal_mode = WAL', { simple: true });
    if (mode !== 'wal') {
      throw new KvError(
        'KV_UNSUPPORTED',
        `the file system of ${path} cannot hold a write-ahead log with shared memory`,
      );
    }
    database.pragma(`synchronous = ${synchronous[durability]}`);
    database.pragma(`journal_size_limit = ${longestIdleLog}`);
    database
      .transaction(() => {
        migrate(database);
        endSessionsOfEarlierBoot(database);
      })
      .immediate();
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

/** Changes nothing, so that the file of another program stays as it is. In one transaction: another process may create it meanwhile. */
function checkOwner(database: Database): void {
  const look = database.transaction(() => ({
    owner: database.pragma('application_id', { simple: true }),
    version: versionOf(database),
    empty: database.prepare('SELECT count(*) = 0 FROM sqlite_schema').pluck().get() === 1,
  }));
  const { owner, version, empty } = look.deferred();
  if (owner === applicationId || (owner === 0 && version === 0 && empty)) return checkVersion(version);
  throw invalid(`${database.name} is a SQLite database of another application`);
}

function checkVersion(version: number): void {
  if (version <= migrations.length) return;
  throw new KvError(
    'KV_UNSUPPORTED',
    `the database has version ${version} of the schema, and this @kv/sqlite knows versions up to ${migrations.length}: install a newer one`,
  );
}

/** Runs with the write lock: another process may have done it in the meantime. */
function migrate(database: Database): void {
  const version = versionOf(database);
  checkVersion(version);
  for (const step of migrations.slice(version)) database.exec(step);
  if (version === migrations.length) return;
  database.pragma(`application_id = ${applicationId}`);
  database.pragma(`user_version = ${migrations.length}`);
}

/** The monotonic clock starts anew with the machine: a renewal in the future is one of before. */
function endSessionsOfEarlierBoot(database: Database): void {
  database.prepare('UPDATE sessions SET expires_at = 0 WHERE renewed_at > ?').run(monotonicNow());
}

function versionOf(database: Database): number {
  return database.pragma('user_version', { simple: true }) as number;
}

function invalid(detail: string, cause?: unknown): KvError {
  return new KvError('KV_INVALID_ARGUMENT', detail, { cause });
}
