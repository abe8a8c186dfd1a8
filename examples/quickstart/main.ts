/*
 * Several processes that share one store and nothing else: they follow a configuration tree, register themselves, and
 * compete for leadership. One of them is killed. The program checks what it claims, and fails if a claim does not come true.
 *
 *   npm run demo                                    on a SQLite file in a temporary folder
 *   npm run demo -- sqlite:///var/tmp/demo.db       on that file
 *   npm run demo -- etcd://127.0.0.1:2379/demo      on etcd, below /demo
 *   npm run demo -- consul://127.0.0.1:8500/demo    on Consul, below demo: takes longer, since its sessions do
 *   npm run demo -- zookeeper://127.0.0.1:2181/demo on ZooKeeper, below /demo
 */
import { rmSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { json, openStore, type Store, text } from '@kv/core';
import { Discovery } from '@kv/recipes/discovery';
import { Election } from '@kv/recipes/election';
import { openDriver } from './open-driver.ts';
import type { WorkerReport } from './report.ts';
import { Timeline } from './timeline.ts';
import { WorkerProcess } from './worker-process.ts';
import { workerTtl } from './worker-ttl.ts';

const names = ['anna', 'bert', 'cleo', 'dora'];
const timeline = new Timeline();
const folder = await mkdtemp(join(tmpdir(), 'kv-quickstart-'));
const url = process.argv[2] ?? pathToFileURL(join(folder, 'demo.db')).href.replace('file:', 'sqlite:');
const workers: WorkerProcess[] = [];
/** From here on each change is shown; before, the workers read what is there. */
let changing = false;

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    for (const worker of workers) worker.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
    process.exit(1);
  });
}

const store = await openStore(await openDriver(url), { codec: json() });
try {
  await run(store);
} finally {
  for (const worker of workers) worker.kill('SIGKILL');
  await Promise.all(workers.map(({ exited }) => exited));
  await store.close();
  await rm(folder, { recursive: true });
}
process.exitCode = timeline.finish() ? 0 : 1;

async function run(store: Store<unknown>): Promise<void> {
  timeline.say('demo', `on ${url}`);
  await Promise.all(['config', 'services'].map((directory) => store.deleteTree(directory)));
  const config = leaves(JSON.parse(await readFile(new URL('config.json', import.meta.url), 'utf8')), 'config');
  await Promise.all(config.map(([key, value]) => store.put(key, value)));
  timeline.say('demo', `wrote ${config.length} keys of configuration from config.json`);

  for (const name of names) workers.push(new WorkerProcess(name, url, (report) => tell(name, report)));
  await timeline.claim(
    'every worker is in the registry',
    async () => (await registered(store)) === names.join(),
    30_000,
  );
  await timeline.claim('every worker has the whole configuration', () => seenByAll(workers, config), 30_000);
  await timeline.claim('one worker leads, the others wait', () => leaders().length === 1, 30_000);

  changing = true;
  await change(store, workers, 'config/features/newCheckout', true);
  await change(store, workers, 'config/billing/retry/attempts', 8);

  const [leader] = leaders();
  if (leader === undefined) return;
  timeline.say('demo', `kill -9 ${leader.name}, who leads in term ${leader.term}`, 'yellow');
  leader.kill('SIGKILL');
  const left = workers.filter((worker) => worker !== leader);
  const namesLeft = left.map(({ name }) => name).join();
  const { minMs, latestFactor } = store.capabilities.session;
  const bound = Math.max(workerTtl, minMs) * latestFactor + 1_000;
  await timeline.claim(
    `${leader.name} is gone from the registry`,
    async () => (await registered(store)) === namesLeft,
    bound,
  );
  await timeline.claim(
    'another worker leads, in a later term',
    () => left.some(({ term }) => term !== undefined && term > (leader.term as bigint)),
    bound,
  );
  await change(store, left, 'config/search/shards', 12);

  for (const worker of left) worker.kill('SIGTERM');
  await Promise.all(left.map(({ exited }) => exited));
  await timeline.claim(
    'the registry is empty once they have left',
    async () => (await registered(store)) === '',
    1_000,
  );
  const election = new Election(store, 'leader', { codec: text() });
  await timeline.claim('nobody leads', async () => (await election.leader()) === undefined, 1_000);
}

async function change(store: Store<unknown>, observers: WorkerProcess[], key: string, value: unknown): Promise<void> {
  timeline.say('demo', `sets ${key} to ${JSON.stringify(value)}`);
  await store.put(key, value);
  await timeline.claim(`${observers.length} workers have seen it`, () => seenByAll(observers, [[key, value]]), 2_000);
}

function tell(name: string, report: WorkerReport): void {
  if (report.event === 'registered') timeline.say(name, 'registered');
  if (report.event === 'leading') timeline.say(name, `leads, in term ${report.term}`, 'yellow');
  if (report.event === 'config' && changing) timeline.say(name, `sees ${report.key} = ${JSON.stringify(report.value)}`);
  if (report.event === 'left') timeline.say(name, 'left');
}

function leaders(): WorkerProcess[] {
  return workers.filter(({ term }) => term !== undefined);
}

function seenByAll(observers: readonly WorkerProcess[], values: readonly (readonly [string, unknown])[]): boolean {
  return observers.every((worker) => values.every(([key, value]) => worker.hasSeen(key, value)));
}

async function registered(store: Store<unknown>): Promise<string> {
  const instances = await new Discovery(store).list('worker');
  return instances.map(({ id }) => id).join();
}

/** The leaves of a tree of objects, each with its path. */
function leaves(tree: object, path: string): [string, unknown][] {
  return Object.entries(tree).flatMap(([name, value]) =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? leaves(value, `${path}/${name}`)
      : [[`${path}/${name}`, value] as [string, unknown]],
  );
}
