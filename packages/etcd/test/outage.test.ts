import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { openStore, type Store } from '@kv/core';
import { type Deployment, etcdCall, FaultProxy, poll, startServers } from '@kv-tooling/servers';
import { afterAll, afterEach, beforeAll, beforeEach, test } from 'vitest';
import { etcd } from '../src/index.ts';

let deployment: Deployment;
let proxy: FaultProxy;
let store: Store;
let other: Store;

const text = (value: Uint8Array | undefined) => value && new TextDecoder().decode(value);

beforeAll(async () => {
  deployment = await startServers('etcd');
});
afterAll(() => deployment.remove());

beforeEach(async () => {
  const [server] = deployment.servers as [Deployment['servers'][0]];
  proxy = await FaultProxy.open(server);
  const root = randomUUID();
  store = await openStore(etcd({ endpoints: [`http://${proxy.host}:${proxy.port}`], root }));
  other = await openStore(etcd({ endpoints: [`http://${server.host}:${server.port}`], root }));
});
afterEach(async () => {
  await proxy.heal();
  await store.close();
  await other.close();
  await proxy.close();
});

test('a client whose server never existed is told so in time, and its process exits', { timeout: 30_000 }, async () => {
  const program = fileURLToPath(new URL('./programs/no-server.ts', import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, ['--conditions=@kv/source', program], {
    timeout: 20_000,
  });
  assert.deepEqual(JSON.parse(stdout), ['KV_UNAVAILABLE', 'KV_UNAVAILABLE', 'KV_UNAVAILABLE', 'KV_UNAVAILABLE']);
});

/** The values of a key as a watch on `store` gives them, after the first one. */
async function follow(key: string): Promise<{ readonly seen: (string | undefined)[]; end(): Promise<unknown> }> {
  const iterator = store.watch(key)[Symbol.asyncIterator]();
  await iterator.next();
  const seen: (string | undefined)[] = [];
  const following = (async () => {
    for (let step = await iterator.next(); !step.done; step = await iterator.next()) seen.push(text(step.value?.value));
  })();
  return {
    seen,
    end: async () => {
      await iterator.return?.();
      await following;
    },
  };
}

test('a watch goes on where it was after a broken connection: every change arrives', async () => {
  const { seen, end } = await follow('key');
  await proxy.cut();
  await poll('the loss is noticed', async () => store.status === 'reconnecting');
  for (let i = 0; i < 20; i++) await other.put('key', String(i));
  await other.delete('key');
  await proxy.heal();
  await poll('all changes have arrived', async () => seen.length === 21);
  assert.deepEqual(seen, [...Array.from({ length: 20 }, (_, i) => String(i)), undefined]);
  assert.equal(store.status, 'connected');
  await end();
});

test('a watch whose history was compacted meanwhile gives the last state', async () => {
  const { seen, end } = await follow('key');
  await proxy.cut();
  await poll('the loss is noticed', async () => store.status === 'reconnecting');
  await other.put('key', 'first');
  const { revision } = await other.put('key', 'last');
  const [server] = deployment.servers as [Deployment['servers'][0]];
  await etcdCall(server, deployment.admin, '/v3/kv/compaction', { revision, physical: true });
  await proxy.heal();
  await poll('the last state has arrived', async () => seen.at(-1) === 'last');
  assert.deepEqual(seen, ['last']);
  await other.put('key', 'later');
  await poll('the watch goes on', async () => seen.at(-1) === 'later');
  await end();
});

test('a stream that is open and silent is noticed within 10 s, and loses nothing', { timeout: 60_000 }, async () => {
  const { seen, end } = await follow('key');
  const start = performance.now();
  proxy.hold();
  await poll('the silence is noticed', async () => store.status === 'reconnecting');
  assert(performance.now() - start < 10_000);
  await other.put('key', 'meanwhile');
  await proxy.heal();
  await poll('the change has arrived', async () => seen.at(-1) === 'meanwhile');
  await end();
});

test('a connection that a router has forgotten is replaced, while others work', { timeout: 60_000 }, async () => {
  const { seen, end } = await follow('key');
  proxy.blackHole();
  await other.put('key', 'meanwhile');
  await poll('the change has arrived', async () => seen.at(-1) === 'meanwhile');
  await store.put('key', 'again');
  await end();
});

test('a quiet watch stays connected', { timeout: 30_000 }, async () => {
  const { seen, end } = await follow('key');
  const changes: unknown[] = [];
  const onStatus = (change: unknown) => changes.push(change);
  subscribe('kv:status', onStatus);
  try {
    await sleep(12_000); // longer than it takes to count as silent
    assert.deepEqual(changes, []);
    await other.put('key', 'later');
    await poll('the change has arrived', async () => seen.at(-1) === 'later');
  } finally {
    unsubscribe('kv:status', onStatus);
    await end();
  }
});

test('a write that failed leaves no lease behind', async () => {
  const leases = async () => {
    const [server] = deployment.servers as [Deployment['servers'][0]];
    const answer = await etcdCall(server, deployment.admin, '/v3/lease/leases');
    return ((answer['leases'] ?? []) as unknown[]).length;
  };
  await store.put('key', 'value');
  const before = await leases();
  await assert.rejects(store.atomicPut('key', '', null, { ttl: 3_600_000 }), { code: 'KV_KEY_EXISTS' });
  const write = { type: 'put', key: 'a', value: '', ttl: 3_600_000 } as const;
  const { committed } = await store.transaction({ if: [{ key: 'key', exists: false }], then: [write] });
  assert.equal(committed, false);
  await poll('the leases are gone', async () => (await leases()) === before);
});

test('a lock whose grant was lost with its connection is held once it is connected again', async () => {
  proxy.slow({ latency: 500 }); // within which the loss of the answer must happen
  const acquired = store.lock('key', { ttl: 60_000 });
  const { token } = await poll('the lock is granted', () => other.lockHolder('key'));
  proxy.hold();
  assert.equal(await Promise.race([acquired.then(() => 'told'), 'not told']), 'not told');
  await proxy.cut();
  await proxy.heal();
  const lock = await acquired;
  assert.equal(lock.token, token);
  await lock.release();
});
