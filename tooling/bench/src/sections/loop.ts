import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as delay, setImmediate as nextTurn } from 'node:timers/promises';
import type { Bench } from '../bench.ts';
import type { Client } from '../client.ts';
import { cellsOf, inTurns } from '../compare.ts';
import { keysBelow, nextValue } from '../keys.ts';

const callers = 64;
const keys = keysBelow('calls', 1_000);

/** How long the event loop is away while many callers write: between two ticks of a timer of 1 ms. */
export async function loop(bench: Bench, clients: Readonly<Record<string, Client>>): Promise<void> {
  bench.step(`event loop, ${callers} callers write`);
  const names = Object.keys(clients);
  const { rounds, turn } = bench.settings;
  const turns = await inTurns(names, rounds, (name) => delayWhileWriting(clients[name] as Client, turn * 2));
  const series = names.map((name, i) => ({ name, values: turns[i] ?? [] }));
  bench.add({ id: `loop/p99 while writing/${callers}`, unit: 'ms', better: 'less', cells: cellsOf(series, 'less') });
}

async function delayWhileWriting(client: Client, milliseconds: number): Promise<number> {
  const end = performance.now() + milliseconds;
  const histogram = monitorEventLoopDelay({ resolution: 1 });
  histogram.enable();
  const write = async (caller: number) => {
    for (let i = caller; performance.now() < end; i += callers) {
      // Each write has a turn of its own, as one that a request to a service causes.
      await nextTurn();
      await client.put(keys.key(i), nextValue());
    }
  };
  await Promise.all(Array.from({ length: callers }, (_, caller) => write(caller)));
  await delay(5); // for at least one tick
  histogram.disable();
  return histogram.percentile(99) / 1e6;
}
