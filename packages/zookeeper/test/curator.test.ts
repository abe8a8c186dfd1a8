import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { openStore, type Store } from '@kv/core';
import { poll, ZooKeeperConnection } from '@kv-tooling/servers';
import { afterAll, beforeAll, inject, test } from 'vitest';
import { zookeeper } from '../src/index.ts';
import { CuratorProgram } from './curator-program.ts';

const server = inject('servers').zookeeper ?? { host: '', port: 0 };
const root = randomUUID();
let store: Store;
let curator: CuratorProgram;

beforeAll(async () => {
  curator = await CuratorProgram.start(server);
  store = await openStore(zookeeper({ servers: [`${server.host}:${server.port}`], root }));
}, 120_000); // the first time Curator is downloaded
afterAll(async () => {
  await store?.close(); // what it holds is free then, if Curator still waits for it
  await curator?.close();
}, 60_000);

/** Those that hold the lock or wait for it. */
async function queueHasLength(path: string, length: number): Promise<void> {
  const connection = await ZooKeeperConnection.open(server);
  try {
    await poll(`${length} are in the queue`, async () => (await connection.getChildren(path)).length === length);
  } finally {
    connection.close();
  }
}

/** Lets a test see that something has not happened yet. */
function observe<T>(pending: Promise<T>): { readonly pending: Promise<T>; settled: boolean } {
  const observed = { pending, settled: false };
  const settle = () => {
    observed.settled = true;
  };
  pending.then(settle, settle);
  return observed;
}

test('who holds the lock keeps Curator out, and hands over in the order of the queue', {
  timeout: 60_000,
}, async () => {
  const path = `/${root}/a`;
  const first = await store.lock('a', { value: 'us' });
  const theirs = observe(curator.acquire(path));
  await queueHasLength(path, 2);
  const second = observe(store.lock('a'));
  await queueHasLength(path, 3);
  assert.equal(await store.tryLock('a'), undefined);
  assert.equal(theirs.settled || second.settled, false);

  await first.release();
  await theirs.pending;
  assert.equal(second.settled, false);
  const holder = await store.lockHolder('a');
  assert.ok(holder !== undefined && holder.token > first.token);
  assert.match(holder.value, /^[\d.:a-f]+$/); // Curator writes its own address

  await curator.release(path);
  const last = await second.pending;
  assert.ok(last.token > holder.token);
  await last.release();
});

test('Curator keeps a waiter out, and hands over when it releases', { timeout: 60_000 }, async () => {
  const path = `/${root}/b`;
  await curator.acquire(path);
  assert.equal(await store.tryLock('b'), undefined);
  await assert.rejects(store.lock('b', { wait: 500 }), { code: 'KV_TIMEOUT' });
  await queueHasLength(path, 1);
  const ours = observe(store.lock('b', { value: 'us' }));
  await queueHasLength(path, 2);
  const { node } = await curator.holder(path);
  assert.equal(ours.settled, false);

  await curator.release(path);
  const lock = await ours.pending;
  const holder = await curator.holder(path);
  assert.notEqual(holder.node, node);
  assert.equal(holder.value, 'us');
  await lock.release();

  await curator.acquire(path);
  await curator.release(path);
});
