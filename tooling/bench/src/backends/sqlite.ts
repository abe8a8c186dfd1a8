import { join } from 'node:path';
import { openStore } from '@kv/core';
import { sqlite as driver } from '@kv/sqlite';
import Sqlite from 'better-sqlite3';
import type { Backend } from '../backend.ts';
import { type Client, timeout } from '../client.ts';
import { importPeer } from '../peers.ts';
import { openThroughWorker } from '../sqlite-worker/client.ts';

export const sqlite: Backend = {
  name: 'sqlite',
  bareClient: 'better-sqlite3',
  openStore: (place) => openStore(driver({ path: join(place, 'store.db') }), { timeout }),
  openBare: async (place) => openBare(join(place, 'bare.db')),
  peers: {
    'worker thread': { packages: [], open: (place) => openThroughWorker(join(place, 'worker.db')) },
    keyv: { packages: ['keyv', '@keyv/sqlite'], open: (place) => keyv(join(place, 'keyv.db')) },
    unstorage: { packages: ['unstorage', 'db0'], open: (place) => unstorage(join(place, 'unstorage.db')) },
  },
  libkv: 'boltdb',
  sizes: {
    keys: [1_000, 10_000, 100_000, 1_000_000],
    watchers: [1, 10, 100, 1_000, 10_000],
    watchedKeys: [1, 10, 100, 1_000, 10_000],
    sessions: 1_000,
  },
};

/** Prepared statements, the durability of the store, one transaction a write. */
function openBare(path: string): Client {
  const database = new Sqlite(path);
  database.pragma('journal_mode = WAL');
  database.pragma('synchronous = FULL');
  database.exec(
    'CREATE TABLE IF NOT EXISTS pairs (key TEXT PRIMARY KEY, revision INTEGER NOT NULL, value BLOB NOT NULL) STRICT',
  );
  const get = database.prepare('SELECT revision, value FROM pairs WHERE key = ?');
  const put = database
    .prepare(
      `INSERT INTO pairs VALUES (?, 1, ?) ON CONFLICT DO UPDATE SET revision = revision + 1, value = excluded.value
       RETURNING revision`,
    )
    .pluck();
  const swap = database
    .prepare('UPDATE pairs SET revision = revision + 1, value = ? WHERE key = ? AND revision = ? RETURNING revision')
    .pluck();
  const remove = database.prepare('DELETE FROM pairs WHERE key = ?');
  const list = database.prepare('SELECT key, revision, value FROM pairs WHERE key > ? AND key < ? ORDER BY key');
  const page = database.prepare(
    'SELECT key, revision, value FROM pairs WHERE key > ? AND key < ? ORDER BY key LIMIT 1000',
  );
  const fill = database.transaction((keys: readonly string[], value: Buffer) => {
    for (const key of keys) put.get(key, value);
  });
  return {
    get: (key) => get.get(key),
    put: (key, value) => put.get(key, value),
    fill,
    atomicPut(key, value, previous) {
      const revision = swap.get(value, key, previous);
      if (revision === undefined) throw new Error('an update was lost');
      return revision;
    },
    delete: (key) => remove.run(key).changes === 1,
    list: (directory) => list.all(`${directory}/`, `${directory}0`),
    scan(directory) {
      let count = 0;
      for (let after = `${directory}/`; ; ) {
        const rows = page.all(after, `${directory}0`) as { readonly key: string }[];
        count += rows.length;
        const last = rows.at(-1);
        if (last === undefined) return count;
        after = last.key;
      }
    },
    close: () => database.close(),
  };
}

interface Keyv {
  get(key: string): Promise<unknown>;
  set(key: string, value: unknown): Promise<unknown>;
  delete(key: string): Promise<boolean>;
  disconnect(): Promise<void>;
}

async function keyv(path: string): Promise<Client> {
  const { Keyv } = await importPeer<{ Keyv: new (store: unknown) => Keyv }>('keyv');
  const { KeyvSqlite } = await importPeer<{ KeyvSqlite: new (uri: string) => unknown }>('@keyv/sqlite');
  const store = new Keyv(new KeyvSqlite(`sqlite://${path}`));
  return {
    get: (key) => store.get(key),
    put: (key, value) => store.set(key, value.toString('latin1')),
    delete: (key) => store.delete(key),
    close: () => store.disconnect(),
  };
}

interface Unstorage {
  getItemRaw(key: string): Promise<unknown>;
  setItemRaw(key: string, value: unknown): Promise<void>;
  removeItem(key: string): Promise<void>;
  getKeys(base: string): Promise<string[]>;
  getItems(keys: readonly string[]): Promise<{ key: string }[]>;
  dispose(): Promise<void>;
}

async function unstorage(path: string): Promise<Client> {
  const { createStorage } = await importPeer<{ createStorage(options: object): Unstorage }>('unstorage');
  const { default: database } = await importPeer<{ default(options: object): unknown }>('unstorage/drivers/db0');
  const { createDatabase } = await importPeer<{ createDatabase(connector: unknown): unknown }>('db0');
  const { default: connector } = await importPeer<{ default(options: object): unknown }>('db0/connectors/node-sqlite');
  const storage = createStorage({ driver: database({ database: createDatabase(connector({ path })) }) });
  return {
    get: (key) => storage.getItemRaw(key),
    put: (key, value) => storage.setItemRaw(key, value),
    delete: (key) => storage.removeItem(key),
    list: async (directory) => storage.getItems(await storage.getKeys(directory)),
    close: () => storage.dispose(),
  };
}
