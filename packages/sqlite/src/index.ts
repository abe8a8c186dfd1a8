import { resolve } from 'node:path';
import { canonicalDirectory, type DriverFactory, KvError } from '@kv/core';
import { SqliteDriver } from './driver.ts';
import { Keyspace } from './keyspace.ts';
import { type Durability, openDatabase } from './open-database.ts';

/** Which file, and how safe. */
export interface SqliteOptions {
  /**
   * The database file, created if it does not exist; its directory must exist. All processes that use it must run on one
   * machine, and the file must be on a disk of that machine: the write-ahead log needs memory that they share.
   */
  readonly path: string;
  /**
   * What an acknowledged write survives. `full` (default): the death of the process and the loss of power. `normal`: the
   * death of the process; the latest writes may be lost with the power, without harm to what is older.
   */
  readonly durability?: Durability;
  /** The directory of the database below which all keys of this store are. Default: the whole database. */
  readonly root?: string;
}

/**
 * A store in a SQLite file, for the processes of one machine.
 *
 * @throws {KvError} `KV_INVALID_ARGUMENT`. What is wrong with the file itself is told by `openStore`.
 */
export function sqlite({ path, durability = 'full', root = '' }: SqliteOptions): DriverFactory {
  if (typeof path !== 'string' || path === '') throw invalid('`path` must be the path of a file');
  if (path === ':memory:') {
    throw invalid('`path` must be that of a file, not `:memory:`: a store in memory is `memory()` of @kv/core/memory');
  }
  if (durability !== 'full' && durability !== 'normal') {
    throw invalid(`\`durability\` must be 'full' or 'normal', not ${JSON.stringify(durability)}`);
  }
  const keys = new Keyspace(canonicalDirectory(root));
  const file = resolve(path);
  return {
    name: 'sqlite',
    driverApi: 1,
    connect: async (call) => new SqliteDriver(await openDatabase(file, durability, call), keys),
  };
}

function invalid(detail: string): KvError {
  return new KvError('KV_INVALID_ARGUMENT', detail);
}
