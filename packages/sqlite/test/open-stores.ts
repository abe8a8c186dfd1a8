import { openStore, type Store, type StoreOptions } from '@kv/core';
import { type SqliteOptions, sqlite } from '@kv/sqlite';
import { onTestFinished } from 'vitest';

/** A store that is closed after the test. */
export async function open(path: string, options: Omit<SqliteOptions, 'path'> & StoreOptions = {}): Promise<Store> {
  const { durability, root, ...storeOptions } = options;
  const store = await openStore(
    sqlite({ path, ...(durability === undefined ? {} : { durability }), ...(root === undefined ? {} : { root }) }),
    storeOptions,
  );
  onTestFinished(() => store.close());
  return store;
}
