import type { Bench } from '../bench.ts';
import type { Client } from '../client.ts';
import { nextValue } from '../keys.ts';
import { shrunk } from '../settings.ts';
import { spread } from '../statistics.ts';

/** Adding watchers ends when it has taken so many milliseconds. */
const longestSetUp = 25_000;
const writes = 10;
const atOnce = 200;

/** How long a write takes to reach all watchers of its key, and the one watcher of its key beside watchers of others. */
export async function growthOfWatchers(bench: Bench, watcher: Client, writer: Client): Promise<void> {
  const { watchers, watchedKeys } = bench.backend.sizes;
  await grow(bench, 'watchers of one key', watchers, (i, seen) => watcher.watch?.('fan-out', () => seen(i)), {
    key: () => 'fan-out',
    reached: (count) => count,
    writer,
  });
  await grow(bench, 'watched keys', watchedKeys, (i, seen) => watcher.watch?.(`fan/${i}`, () => seen(i)), {
    key: (count, write) => `fan/${(write * 7919) % count}`,
    reached: () => 1,
    writer,
  });
}

interface Growth {
  key(count: number, write: number): string;
  /** How many watchers see a write. */
  reached(count: number): number;
  readonly writer: Client;
}

async function grow(
  bench: Bench,
  name: string,
  sizes: readonly number[],
  open: (i: number, seen: (i: number) => void) => Promise<() => void> | undefined,
  { key, reached, writer }: Growth,
): Promise<void> {
  let seen: (i: number) => void = () => {};
  const ends: (() => void)[] = [];
  const start = performance.now();
  for (const count of shrunk(sizes, bench.settings)) {
    bench.step(`${count} ${name}`);
    while (ends.length < count && performance.now() - start < longestSetUp) {
      const more = Array.from({ length: Math.min(atOnce, count - ends.length) }, (_, i) =>
        open(ends.length + i, (watcher) => seen(watcher)),
      );
      for (const end of await Promise.all(more)) if (end !== undefined) ends.push(end);
    }
    if (ends.length < count) {
      bench.note(`${name}: ${ends.length} were open after ${longestSetUp / 1_000} s; ${count} are not measured`);
      break;
    }
    const latencies: number[] = [];
    for (let write = -1; write < writes; write++) {
      const began = performance.now();
      const arrived = new Promise<number>((resolve) => {
        let left = reached(count);
        seen = () => {
          if (--left === 0) resolve(performance.now() - began);
        };
      });
      await writer.put(key(count, write + 1), nextValue());
      const latency = await arrived;
      if (write >= 0) latencies.push(latency);
    }
    const cells = { store: { value: spread(latencies) } };
    bench.add({ id: `watchers/${name}/${count}`, unit: 'ms', better: 'less', cells });
  }
  for (const end of ends) end();
}
