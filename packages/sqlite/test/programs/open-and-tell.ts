/* open-and-tell <path>: opens a store, writes a key, and tells what has become of it. */
import { KvError, openStore } from '@kv/core';
import { sqlite } from '@kv/sqlite';

export type Told = { readonly opened: true } | { readonly code: string; readonly message: string };

const [path = ''] = process.argv.slice(2);

async function open(): Promise<Told> {
  try {
    const store = await openStore(sqlite({ path }));
    await store.put(`process/${process.pid}`, 'was here');
    await store.close();
    return { opened: true };
  } catch (error) {
    if (!KvError.is(error)) throw error;
    return { code: error.code, message: error.message };
  }
}

process.send?.(await open(), () => process.disconnect());
