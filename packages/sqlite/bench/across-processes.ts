/*
 * How long it takes until a watch sees the change of another process, and what waiting for it costs.
 *
 *   node --conditions=@kv/source packages/sqlite/bench/across-processes.ts
 */
import { fork } from 'node:child_process';
import { Console } from 'node:console';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { openStore, text } from '@kv/core';
import { sqlite } from '@kv/sqlite';

/** How long the writer waits between two writes, in milliseconds, and how often it writes. */
const rhythms = {
  'writes every 20 to 60 ms': { least: 20, most: 60, writes: 200 },
  'writes every 1.1 to 1.3 s': { least: 1_100, most: 1_300, writes: 15 },
};

const idleTime = 5_000;

const [role, path = ''] = process.argv.slice(2);
if (role === 'writer') await write();
else await measure();

async function write(): Promise<void> {
  const store = await openStore(sqlite({ path }), { codec: text() });
  for (const { least, most, writes } of Object.values(rhythms)) {
    for (let i = 0; i < writes; i++) {
      await delay(least + (most - least) * Math.random());
      // Just before the write: the time that the disk takes is in the result.
      await store.put('clock', String(process.hrtime.bigint()));
    }
  }
  await store.close();
}

async function measure(): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'kv-sqlite-bench-'));
  const path = join(directory, 'kv.db');
  const store = await openStore(sqlite({ path }), { codec: text() });
  const watch = store.watch('clock')[Symbol.asyncIterator]();
  await watch.next();

  const before = process.cpuUsage();
  await delay(idleTime);
  const { user, system } = process.cpuUsage(before);
  const idle = ((user + system) / (idleTime * 1_000)) * 100;

  const writer = fork(fileURLToPath(import.meta.url), ['writer', path], { execArgv: ['--conditions=@kv/source'] });
  const rows: Record<string, string>[] = [];
  for (const [name, { writes }] of Object.entries(rhythms)) {
    const latencies: number[] = [];
    while (latencies.length < writes) {
      const { value: pair } = await watch.next();
      latencies.push(Number(process.hrtime.bigint() - BigInt(pair?.value ?? 0)) / 1e6);
    }
    latencies.sort((a, b) => a - b);
    const quantile = (part: number) => `${latencies[Math.floor((writes - 1) * part)]?.toFixed(1)} ms`;
    rows.push({ '': name, p50: quantile(0.5), p99: quantile(0.99) });
  }
  const console = new Console(process.stdout);
  console.table(rows);
  console.log(`CPU of a process that watches while nothing happens: ${idle.toFixed(2)} %`);
  await once(writer, 'exit');
  await store.close();
  await rm(directory, { recursive: true });
}
