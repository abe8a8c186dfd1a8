/*
 * lock-rounds <path> <rounds>: takes and releases a lock, again and again. Tells of each hold when it began and ended on the
 * clock that all processes of the machine share, and its token.
 */
import { openStore } from '@kv/core';
import { sqlite } from '@kv/sqlite';

export interface Hold {
  readonly token: string;
  /** Nanoseconds. */
  readonly from: string;
  readonly to: string;
}

const [path = '', rounds = ''] = process.argv.slice(2);
const store = await openStore(sqlite({ path }), { timeout: 30_000 });
const holds: Hold[] = [];
for (let round = 0; round < Number(rounds); round++) {
  const lock = await store.lock('jobs/nightly', { ttl: 30_000 });
  const from = process.hrtime.bigint();
  await new Promise((resolve) => setImmediate(resolve));
  if (lock.lost.aborted) throw lock.lost.reason;
  const to = process.hrtime.bigint();
  await lock.release();
  holds.push({ token: String(lock.token), from: String(from), to: String(to) });
}
await store.close();
process.send?.(holds, () => process.disconnect());
