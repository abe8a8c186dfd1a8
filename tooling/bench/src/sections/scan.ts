import type { Bench } from '../bench.ts';
import type { Client } from '../client.ts';
import { cellsOf, inTurns } from '../compare.ts';

/** Reads all pairs below a directory, page by page. */
export async function scan(bench: Bench, clients: Readonly<Record<string, Client>>, root: string): Promise<void> {
  const { scanned, rounds } = bench.settings;
  bench.step(`scan of ${scanned}`);
  const able = Object.entries(clients).filter(([, client]) => client.scan !== undefined);
  const turns = await inTurns(able, Math.min(rounds, 5), async ([name, client]) => {
    const cpuBefore = process.cpuUsage();
    const start = performance.now();
    const count = await client.scan?.(root);
    const seconds = (performance.now() - start) / 1_000;
    const { user, system } = process.cpuUsage(cpuBefore);
    if (count !== scanned) throw new Error(`${name} found ${count} of ${scanned} pairs`);
    return { perSecond: scanned / seconds, cpu: (user + system) / scanned };
  });
  const series = able.map(([name], i) => ({
    name,
    values: (turns[i] ?? []).map(({ perSecond }) => perSecond),
    details: { 'CPU, µs': (turns[i] ?? []).map(({ cpu }) => cpu) },
  }));
  bench.add({ id: `calls/scan/${scanned}`, unit: 'pairs/s', better: 'more', cells: cellsOf(series, 'more') });
}
