/*
 * Clients count under compare-and-set and under a lock, and watch, while their server is killed again and again. At the end nothing
 * may be lost, counted twice or held twice, and nothing may have grown. It starts a server of its own:
 * `node --conditions=@kv/source bench/soak.ts [minutes] [seconds between kills]`
 */
import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { KvError, openStore, type Store } from '@kv/core';
import { poll, type Server, startServers } from '@kv-tooling/servers';
import { consul } from '../src/index.ts';

const [minutes = '10', killEvery = '20'] = process.argv.slice(2);
const clients = 4;
const deployment = await startServers('consul');
const [server] = deployment.servers as [Server];
const say = (text: string) =>
  process.stdout.write(`${(performance.now() / 1_000).toFixed(0).padStart(4)} s  ${text}\n`);
const number = (value: Uint8Array | undefined) => Number(new TextDecoder().decode(value) || '0');

/** What was done to a counter: surely, and perhaps, since the server was killed before it could answer. */
interface Tally {
  sure: number;
  perhaps: number;
  failed: number;
}
const tallies = {
  set: { sure: 0, perhaps: 0, failed: 0 },
  locked: { sure: 0, perhaps: 0, failed: 0 },
} satisfies Record<string, Tally>;

async function count(tally: Tally, step: () => Promise<unknown>): Promise<void> {
  try {
    await step();
    tally.sure++;
  } catch (error) {
    if (!KvError.is(error)) throw error;
    if (error.outcome === 'unknown') tally.perhaps++;
    else tally.failed++;
    await delay(50);
  }
}

async function increment(store: Store): Promise<void> {
  await store.update('set', (pair) => `${number(pair?.value) + 1}`, { timeout: 5_000 });
}

/** Guarded by the lock's own condition: who has lost it without knowing writes nothing. */
async function incrementLocked(store: Store): Promise<void> {
  const lock = await store.lock('lock', { ttl: 10_000, wait: 30_000, timeout: 5_000 });
  try {
    const value = `${number((await store.get('locked'))?.value) + 1}`;
    const { committed } = await store.transaction({
      if: [lock.condition],
      then: [{ type: 'put', key: 'locked', value }],
    });
    if (!committed) throw new KvError('KV_SESSION_LOST', 'the lock was lost', { outcome: 'not-applied' });
  } finally {
    await lock.release().catch(() => {});
  }
}

const stores = await Promise.all(
  Array.from({ length: clients }, () => openStore(consul({ addresses: [`http://${server.host}:${server.port}`] }))),
);
const ending = new AbortController();
const seen = stores.map(() => ({ last: 0, steps: 0 }));
const working = stores.flatMap((store) => [
  (async () => {
    while (!ending.signal.aborted) await count(tallies.set, () => increment(store));
  })(),
  (async () => {
    while (!ending.signal.aborted) await count(tallies.locked, () => incrementLocked(store));
  })(),
]);
const watching = stores.map(async (store, i) => {
  const mine = seen[i] as (typeof seen)[0];
  for await (const pair of store.watch('set')) {
    const now = number(pair?.value);
    assert.ok(now >= mine.last, `a watch went back from ${mine.last} to ${now}`);
    mine.last = now;
    mine.steps++;
  }
});

let kills = 0;
const until = performance.now() + Number(minutes) * 60_000;
while (performance.now() < until) {
  await delay(Math.min(Number(killEvery) * 1_000, Math.max(0, until - performance.now())));
  if (performance.now() >= until) break;
  await server.kill();
  await server.start();
  const memory = Math.round(process.memoryUsage().rss / 2 ** 20);
  say(`kill ${++kills}: ${JSON.stringify(tallies)}, ${memory} MB, ${process.getActiveResourcesInfo().length} handles`);
}
ending.abort();
await Promise.all(working);

const [store] = stores as [Store];
for (const [key, { sure, perhaps }] of Object.entries(tallies)) {
  const counted = number((await store.get(key))?.value);
  say(`${key}: ${counted} counted, ${sure} acknowledged, ${perhaps} with an unknown outcome`);
  assert.ok(sure <= counted && counted <= sure + perhaps, `${key} is ${counted}`);
}
const final = number((await store.get('set'))?.value);
await poll('the watches have the last state', async () => seen.every(({ last }) => last === final));
say(`watches: ${seen.map(({ steps }) => steps).join(', ')} steps, all at ${final}`);
await Promise.all(stores.map((each) => each.close()));
await Promise.all(watching);
await deployment.remove();
say('done');
