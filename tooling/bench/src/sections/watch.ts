import type { Bench } from '../bench.ts';
import type { Client } from '../client.ts';
import { cellsOf, inTurns } from '../compare.ts';
import { quantile } from '../statistics.ts';
import { latencyOfWrite } from '../watch-latency.ts';

const eventsOfTurn = 100;

/** From before a write to its arrival at a watcher, which is another client of the same kind than the one that writes. */
export async function watch(
  bench: Bench,
  watchers: Readonly<Record<string, Client>>,
  writers: Readonly<Record<string, Client>>,
): Promise<void> {
  bench.step('watch, write to event');
  const { rounds, shrink } = bench.settings;
  const able = Object.keys(watchers).filter((name) => watchers[name]?.watch !== undefined);
  const turns = await inTurns(able, rounds, async (name) => {
    const key = 'watched/one';
    const latencies: number[] = [];
    const latency = await latencyOfWrite(watchers[name] as Client, writers[name] as Client, key);
    for (let i = 0; i < Math.max(10, eventsOfTurn / shrink); i++) latencies.push(await latency.next());
    latency.end();
    return latencies;
  });
  const series = able.map((name, i) => ({
    name,
    values: (turns[i] ?? []).map((latencies) => quantile(latencies, 0.5)),
    details: { 'p99, ms': [quantile((turns[i] ?? []).flat(), 0.99)] },
  }));
  bench.add({ id: 'watch/write to event', unit: 'ms', better: 'less', cells: cellsOf(series, 'less') });
}
