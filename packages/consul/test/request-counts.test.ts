import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { openStore, type Store } from '@kv/core';
import { FaultProxy, poll } from '@kv-tooling/servers';
import { afterAll, beforeAll, inject, test } from 'vitest';
import { consul } from '../src/index.ts';

const server = inject('servers').consul ?? { host: '', port: 0 };
const root = randomUUID();
let proxy: FaultProxy;
let store: Store;

beforeAll(async () => {
  proxy = await FaultProxy.open(server, 'http1');
  store = await openStore(consul({ addresses: [`http://${proxy.host}:${proxy.port}`], root }));
});
afterAll(async () => {
  await store.close();
  await proxy.close();
});

async function counted<T>(action: () => Promise<T>): Promise<{ requests: number; receivedBytes: number; result: T }> {
  const before = proxy.counts;
  const result = await action();
  const { requests, receivedBytes } = proxy.counts;
  return { requests: requests - before.requests, receivedBytes: receivedBytes - before.receivedBytes, result };
}

const names = (count: number) => Array.from({ length: count }, (_, i) => `many/${i}`);
const large = new Uint8Array(512 * 1024);

const expected: Record<string, readonly [number, () => Promise<unknown>]> = {
  put: [1, () => store.put('count/a', 'value')],
  get: [1, () => store.get('count/a')],
  'get, stale': [1, () => store.get('count/a', { consistency: 'stale' })],
  exists: [1, () => store.exists('count/a')],
  delete: [1, () => store.delete('count/a')],
  'delete of nothing': [1, () => store.delete('count/none')],
  'getMany of 64': [1, () => store.getMany(names(64))],
  'getMany of 65': [2, () => store.getMany(names(65))],
  'getMany with absent ones': [2, () => store.getMany(['count/none', ...names(3)])],
  list: [1, () => store.list('count')],
  'list of keys': [1, () => store.list('count', { keysOnly: true })],
  'list of one level': [1, () => store.list('count', { recursive: false })],
  'list of some': [2, () => store.list('many', { limit: 64 })],
  deleteTree: [1, () => store.deleteTree('count/none')],
  'atomicPut that creates': [1, () => store.atomicPut('count/created', 'value', null)],
  'atomicPut that fails': [1, () => assert.rejects(store.atomicPut('count/a', '', null), { code: 'KV_KEY_EXISTS' })],
  transaction: [
    1,
    () =>
      store.transaction({
        if: [{ key: 'count/a', exists: true }],
        then: [
          { type: 'put', key: 'count/x', value: '' },
          { type: 'delete', key: 'count/y' },
        ],
      }),
  ],
  'put with a ttl': [2, () => store.put('count/short', '', { ttl: 60_000 })],
  'put of a value that no transaction takes': [2, () => store.put('count/large', large)],
  'session, opened and closed': [2, async () => (await store.session()).close()],
  'lockHolder of a free lock': [1, () => store.lockHolder('count/lock')],
};

beforeAll(async () => {
  for (const key of names(65)) await store.put(key, 'value');
});

for (const [name, [requests, action]] of Object.entries(expected)) {
  test(`${name}: ${requests}`, async () => {
    await store.put('count/a', 'value');
    assert.equal((await counted(action)).requests, requests);
  });
}

test('compare-and-set and atomicDelete: 1, also where they take a key from a session', async () => {
  const session = await store.session();
  const pair = await store.put('cas/a', 'one', { session });
  const before = proxy.counts.requests;
  const { requests, result } = await counted(() => store.atomicPut('cas/a', 'two', pair));
  assert.equal(requests, 1);
  await poll('the session that held it was looked at', async () => proxy.counts.requests - before === 2);
  await session.close();
  assert.equal(new TextDecoder().decode((await store.get('cas/a'))?.value), 'two');
  assert.equal((await counted(() => store.atomicDelete('cas/a', result))).requests, 1);
});

test('exists, and list of keys, do not transfer values', async () => {
  await store.put('heavy/a', new Uint8Array(300_000));
  assert.ok((await counted(() => store.exists('heavy/a'))).receivedBytes < 1_000);
  assert.ok((await counted(() => store.list('heavy', { keysOnly: true }))).receivedBytes < 1_000);
});

test('lock: 2, and the watch of who holds it; release: 1', async () => {
  const before = proxy.counts.requests;
  const lock = await store.lock('lock/a');
  // The session, the acquisition; then the watch reads the key, and waits.
  await poll('4 requests', async () => proxy.counts.requests - before === 4);
  const { requests } = await counted(() => lock.release());
  assert.equal(requests, 1);
});

test('100 watchers of one directory are one query, and the second one reads once more', async () => {
  const first = store.watchTree('watched')[Symbol.asyncIterator]();
  const before = proxy.counts.requests;
  await first.next();
  await poll('a read, and the query that waits', async () => proxy.counts.requests - before === 2);
  const others = Array.from({ length: 99 }, () => store.watchTree('watched')[Symbol.asyncIterator]());
  await Promise.all(others.map((other) => other.next()));
  await poll('a read, and the query that waits', async () => proxy.counts.requests - before === 4);
  await Promise.all([first, ...others].map((iterator) => iterator.return?.()));
});

test('an absent key under watch does not busy-loop while others are written', { timeout: 30_000 }, async () => {
  const absent = store.watch('absent')[Symbol.asyncIterator]();
  await absent.next();
  const other = await openStore(consul({ addresses: [`http://${server.host}:${server.port}`], root }));
  const before = proxy.counts.requests;
  const until = performance.now() + 2_000;
  let writes = 0;
  for (; performance.now() < until; writes++) await other.put('absent-sibling', `${writes}`);
  const requests = proxy.counts.requests - before;
  assert.ok(requests < 60, `${requests} requests while ${writes} keys were written`);
  await store.put('absent', 'here');
  assert.notEqual((await absent.next()).value, undefined);
  await absent.return?.();
  await other.close();
});
