import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Store } from '@kv/core';
import type { Bench } from '../bench.ts';
import { cellsOf } from '../compare.ts';
import { quantile } from '../statistics.ts';

/** How long the writer waits between two writes, in milliseconds, and how often it writes. */
export const rhythms = {
  'writes every 20 to 60 ms': { least: 20, most: 60, writes: 200 },
  'writes every 1.1 to 1.3 s': { least: 1_100, most: 1_300, writes: 10 },
};

const idleTime = 3_000;
const key = 'clock';
const program = join(import.meta.dirname, '../clock-writer.ts');

/** Where no server tells of changes: how late a watch sees those of another process, and what looking for them costs. */
export async function processes(bench: Bench, store: Store): Promise<void> {
  bench.step('watch across processes');
  const steps = store.watch(key)[Symbol.asyncIterator]();
  await steps.next();
  const cpuBefore = process.cpuUsage();
  await delay(idleTime);
  const { user, system } = process.cpuUsage(cpuBefore);
  const idle = ((user + system) / (idleTime * 1_000)) * 100;
  bench.add({
    id: 'watch/idle CPU',
    unit: '% of a core',
    better: 'less',
    cells: cellsOf([{ name: 'store', values: [idle] }], 'less'),
  });
  const writer = fork(program, [bench.backend.name, bench.place, key, String(bench.settings.shrink)], {
    execArgv: ['--conditions=@kv/source'],
  });
  const exited = once(writer, 'exit');
  for (const [name, { writes }] of Object.entries(rhythms)) {
    const latencies: number[] = [];
    while (latencies.length < Math.ceil(writes / bench.settings.shrink)) {
      const { value: pair } = await steps.next();
      const written = BigInt(Buffer.from(pair?.value ?? '').toString());
      latencies.push(Number(process.hrtime.bigint() - written) / 1e6);
    }
    const series = { name: 'store', values: latencies, details: { 'p99, ms': [quantile(latencies, 0.99)] } };
    bench.add({ id: `watch/other process/${name}`, unit: 'ms', better: 'less', cells: cellsOf([series], 'less') });
  }
  await steps.return?.();
  await exited;
}
