/*
 * A long run under load while servers die: pnpm run soak [seconds] [seconds between kills]
 *
 * Writers add to one counter, each watcher follows all keys, contenders take one lock in turn; one of three servers is killed
 * and started again, again and again. It fails if an acknowledged addition is lost, a watcher misses the last state or sees an
 * older one than before, two hold the lock at a time, memory grows, or a rejection is handled by nobody.
 */
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { json, KvError, openStore } from '@kv/core';
import { poll, startServers } from '@kv-tooling/servers';
import { etcd } from '../src/index.ts';

const seconds = Number(process.argv[2] ?? 600);
const killEvery = Number(process.argv[3] ?? 20);
const writers = 4;
const watchers = 4;
const contenders = 3;

const unhandled: unknown[] = [];
process.on('unhandledRejection', (error) => unhandled.push(error));

const deployment = await startServers('etcd', { size: 3 });
const endpoints = deployment.servers.map(({ host, port }) => `http://${host}:${port}`);
const open = () => openStore(etcd({ endpoints, root: 'soak' }), { codec: json<number>(), timeout: 20_000 });
const over = new AbortController();
const counts = { acknowledged: 0, unknown: 0, refused: 0, steps: 0, changes: 0, locks: 0, lost: 0, kills: 0 };

/** What the server's faults may do to a call. Everything else ends the run. */
function expectOutage(error: unknown): asserts error is KvError {
  if (over.signal.aborted && error === over.signal.reason) return;
  assert(
    KvError.is(error, 'KV_UNAVAILABLE') || KvError.is(error, 'KV_TIMEOUT') || KvError.is(error, 'KV_SESSION_LOST'),
    String(error),
  );
}

async function write(id: number): Promise<void> {
  const store = await open();
  try {
    for (let own = 0; !over.signal.aborted; own++) {
      try {
        await store.update('counter', (pair) => (pair?.value ?? 0) + 1);
        counts.acknowledged++;
        await store.put(`writers/${id}/${own % 10}`, own);
      } catch (error) {
        expectOutage(error);
        if (error.operation !== 'atomicPut') continue;
        if (error.outcome === 'unknown') counts.unknown++;
        else counts.refused++;
      }
    }
  } finally {
    await store.close();
  }
}

/** @returns The last state that it saw, when told to. */
async function watch(finalState: Promise<ReadonlyMap<string, number>>): Promise<void> {
  const store = await open();
  const seen = new Map<string, number>();
  const ended = new AbortController();
  const watching = (async () => {
    for await (const { changes } of store.watchTree('', { signal: ended.signal })) {
      counts.steps++;
      for (const change of changes) {
        if (change.key.startsWith('lock/')) continue;
        counts.changes++;
        assert(change.type === 'put', `${change.key} was never deleted`);
        assert(change.pair.value >= (seen.get(change.key) ?? 0), `${change.key} went backwards`);
        seen.set(change.key, change.pair.value);
      }
    }
  })();
  try {
    const expected = await Promise.race([finalState, watching]);
    assert(expected !== undefined, 'the watch ended');
    await poll('the watcher has the last state', async () => {
      assert.deepEqual(new Map([...seen].sort()), new Map([...expected].sort()));
      return true;
    });
  } finally {
    ended.abort();
    await watching;
    await store.close();
  }
}

const holders = new Set<AbortSignal>();
let lastToken = 0n;

async function contend(): Promise<void> {
  const store = await open();
  try {
    while (!over.signal.aborted) {
      try {
        const lock = await store.lock('lock', { ttl: 5_000, signal: over.signal });
        for (const lost of holders) assert(lost.aborted, 'two hold the lock');
        assert(lock.token > lastToken, 'a token is not greater than the one before');
        lastToken = lock.token;
        const lost = lock.lost;
        holders.add(lost);
        counts.locks++;
        await sleep(Math.random() * 50);
        if (lock.lost.aborted) counts.lost++;
        holders.delete(lost);
        await lock.release();
      } catch (error) {
        expectOutage(error);
      }
    }
  } finally {
    await store.close();
  }
}

async function killServers(): Promise<void> {
  while (!over.signal.aborted) {
    await sleep(killEvery * 1_000, undefined, { signal: over.signal }).catch(() => {});
    if (over.signal.aborted) return;
    const server = deployment.servers[Math.floor(Math.random() * 3)];
    await server?.kill();
    counts.kills++;
    await sleep(1_000);
    await server?.start();
  }
}

const heap: number[] = [];
async function measureMemory(): Promise<void> {
  while (!over.signal.aborted) {
    await sleep(Math.min(10_000, seconds * 100), undefined, { signal: over.signal }).catch(() => {});
    globalThis.gc?.();
    heap.push(Math.round(process.memoryUsage().heapUsed / 1024));
  }
}

try {
  const { promise: finalState, resolve: tellFinalState } = Promise.withResolvers<ReadonlyMap<string, number>>();
  const watching = Array.from({ length: watchers }, () => watch(finalState));
  const timer = setTimeout(() => over.abort(), seconds * 1_000);
  const working = [
    ...Array.from({ length: writers }, (_, id) => write(id)),
    ...Array.from({ length: contenders }, contend),
    killServers(),
    measureMemory(),
  ];
  await Promise.race([
    Promise.all(working),
    ...watching.map((each) => each.then(() => assert.fail('a watcher ended'))),
  ]);
  clearTimeout(timer);
  const store = await open();
  const pairs = (await store.list('')).filter(({ key }) => !key.startsWith('lock/'));
  tellFinalState(new Map(pairs.map(({ key, value }) => [key, value])));
  await Promise.all(watching);
  const counter = (await store.get('counter'))?.value ?? 0;
  await store.close();
  assert(counter >= counts.acknowledged, `${counts.acknowledged - counter} acknowledged updates are lost`);
  assert(
    counter <= counts.acknowledged + counts.unknown,
    'an update that was refused took effect, or one took effect twice',
  );
  assert.deepEqual(unhandled, []);
  process.stdout.write(`${JSON.stringify({ seconds, etcd: deployment.version, counter, ...counts, heapKiB: heap })}\n`);
} finally {
  over.abort();
  await deployment.remove();
}
