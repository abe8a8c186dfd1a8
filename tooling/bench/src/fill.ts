import type { Store } from '@kv/core';
import type { Client } from './client.ts';
import { measure } from './contestant.ts';
import { type Keys, nextValue } from './keys.ts';

/** Writes the keys from number `from` on, in as few transactions as the backend allows. */
export async function fillStore(store: Store, keys: Keys, from = 0): Promise<void> {
  const { transaction } = store.capabilities;
  if (transaction === false) {
    await measure((_, i) => store.put(keys.key(from + i), nextValue()), 64, { count: keys.count - from });
    return;
  }
  const size = Math.min(100, transaction.maxOperations);
  const put = (i: number) => ({ type: 'put' as const, key: keys.key(i), value: nextValue() });
  const batch = (start: number) =>
    store.transaction({ then: Array.from({ length: Math.min(size, keys.count - start) }, (_, i) => put(start + i)) });
  await measure((_, i) => batch(from + i * size), 16, { count: Math.ceil((keys.count - from) / size) });
}

export async function fillClient(client: Client, keys: Keys, from = 0): Promise<void> {
  const fill =
    client.fill?.bind(client) ??
    ((names: readonly string[]) => Promise.all(names.map((key) => client.put(key, nextValue()))));
  const size = 1_000;
  for (let start = from; start < keys.count; start += size) {
    await fill(
      Array.from({ length: Math.min(size, keys.count - start) }, (_, i) => keys.key(start + i)),
      nextValue(),
    );
  }
}
