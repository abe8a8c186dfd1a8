import type { Store } from '@kv/core';
import type { Bench } from '../bench.ts';
import { untilQuiet } from '../quiet.ts';
import { quantile, spread } from '../statistics.ts';

const waiterCounts = [1, 10, 100];
const rounds = 5;

/** From before a release to the next holder's having the lock, with so many who wait. */
export async function locks(bench: Bench, store: Store): Promise<void> {
  for (const waiters of waiterCounts) {
    bench.step(`lock, ${waiters} waiting`);
    const medians: number[] = [];
    const all: number[] = [];
    for (let round = 0; round < Math.min(rounds, bench.settings.rounds); round++) {
      const times = await handOvers(store, waiters);
      medians.push(quantile(times, 0.5));
      all.push(...times);
    }
    const cell = { value: spread(medians), details: { 'p99, ms': quantile(all, 0.99) } };
    bench.add({ id: `locks/hand-over/${waiters}`, unit: 'ms', better: 'less', cells: { store: cell } });
  }
}

async function handOvers(store: Store, waiters: number): Promise<number[]> {
  const key = 'locks/handed-over';
  const times: number[] = [];
  const first = await store.lock(key);
  let released = 0;
  const waiting = Array.from({ length: waiters }, async () => {
    const lock = await store.lock(key);
    times.push(performance.now() - released);
    released = performance.now();
    await lock.release();
  });
  await untilQuiet();
  released = performance.now();
  await first.release();
  await Promise.all(waiting);
  return times;
}
