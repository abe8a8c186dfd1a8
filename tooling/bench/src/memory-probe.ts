/*
 * A process that holds something many times, and tells its parent what that takes: `memory-probe.ts <backend> <place> <what> <count>`
 */
import type { Store } from '@kv/core';
import { loadBackend } from './backends/index.ts';
import { untilQuiet } from './quiet.ts';

/** In bytes. */
export interface Footprint {
  /** On the heap, and in buffers, after a garbage collection. */
  readonly heap: number;
  readonly resident: number;
}

const [backend = '', place = '', what = '', count = ''] = process.argv.slice(2);

/** In milliseconds: few renewals while it is measured. ZooKeeper has no longer one. */
const ttl = 40_000;
/** Of its own: that of a process before it, which was killed, may still be held. */
const lock = `memory/lock of ${what}`;

/** Takes one more, and resolves when it is there; a lock that waits is there once the process is quiet. */
const held: unknown[] = [];
const takers: Record<string, (store: Store, i: number) => Promise<unknown> | undefined> = {
  async watchers(store, i) {
    const watcher = store.watch(`memory/${i}`)[Symbol.asyncIterator]();
    held.push(watcher);
    await watcher.next();
  },
  async sessions(store) {
    held.push(await store.session({ ttl }));
  },
  'waiting locks'(store) {
    void store.lock(lock, { ttl }).catch(() => {});
    return undefined;
  },
};
const take = takers[what];
if (take === undefined) throw new Error(`there is no ${what}`);

const store = await (await loadBackend(backend)).openStore(place);
await store.lock(lock, { ttl });
// What is made only once is there before it counts.
await take(store, -1);
await untilQuiet();
const before = usage();
const atOnce = 50;
for (let taken = 0; taken < Number(count); taken += atOnce) {
  await Promise.all(Array.from({ length: Math.min(atOnce, Number(count) - taken) }, (_, i) => take(store, taken + i)));
}
await untilQuiet();
const after = usage();
const footprint: Footprint = { heap: after.heap - before.heap, resident: after.resident - before.resident };
process.send?.(footprint);

function usage(): Footprint {
  globalThis.gc?.();
  const { heapUsed, external, rss } = process.memoryUsage();
  return { heap: heapUsed + external, resident: rss };
}
