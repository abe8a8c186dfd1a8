import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { openStore } from '@kv/core';
import { etcdCall, FaultProxy, poll, startServers } from '@kv-tooling/servers';
import { afterAll, beforeAll, test } from 'vitest';
import { etcd } from '../src/index.ts';

const deployment = await startServers('etcd');
const proxy = await FaultProxy.open(deployment.servers[0] as (typeof deployment.servers)[0], 'http2');
let store: Awaited<ReturnType<typeof openStore>>;

beforeAll(async () => {
  store = await openStore(etcd({ endpoints: [`http://${proxy.host}:${proxy.port}`] }));
});

afterAll(async () => {
  await store.close();
  await proxy.close();
  await deployment.remove();
});

async function counted<T>(action: () => Promise<T>): Promise<{ requests: number; receivedBytes: number; result: T }> {
  const before = proxy.counts;
  const result = await action();
  const { requests, receivedBytes } = proxy.counts;
  return { requests: requests - before.requests, receivedBytes: receivedBytes - before.receivedBytes, result };
}

const expected: Record<string, readonly [number, () => Promise<unknown>]> = {
  put: [1, () => store.put('count/a', 'value')],
  get: [1, () => store.get('count/a')],
  'get, stale': [1, () => store.get('count/a', { consistency: 'stale' })],
  exists: [1, () => store.exists('count/a')],
  delete: [1, () => store.delete('count/b')],
  'getMany of 128': [1, () => store.getMany(Array.from({ length: 128 }, (_, i) => `count/${i}`))],
  'getMany of 129': [2, () => store.getMany(Array.from({ length: 129 }, (_, i) => `count/${i}`))],
  list: [1, () => store.list('count')],
  'list of keys': [1, () => store.list('count', { keysOnly: true })],
  'list of one level': [1, () => store.list('count', { recursive: false })],
  deleteTree: [1, () => store.deleteTree('count/none')],
  'atomicPut that creates': [1, () => store.atomicPut(`count/${randomUUID()}`, 'value', null)],
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
  'session, opened and closed': [2, async () => (await store.session()).close()],
  'lockHolder of a free lock': [1, () => store.lockHolder('count/lock')],
};

for (const [name, [requests, action]] of Object.entries(expected)) {
  test(`${name}: ${requests}`, async () => {
    await store.put('count/a', 'value');
    assert.equal((await counted(action)).requests, requests);
  });
}

test('compare-and-set and atomicDelete: 1', async () => {
  const pair = await store.put('count/cas', 'one');
  const { requests, result } = await counted(() => store.atomicPut('count/cas', 'two', pair));
  assert.equal(requests, 1);
  assert.equal((await counted(() => store.atomicDelete('count/cas', result))).requests, 1);
});

test('lock: 3 and the watch of its entry, which one stream serves', async () => {
  const before = proxy.counts.requests;
  const sent = (requests: number) =>
    poll(`${requests} requests`, async () => proxy.counts.requests - before === requests);
  const lock = await store.lock('count/lock');
  await sent(3); // the lease, the entry, the stream
  const other = await store.lock('count/other');
  await sent(5); // the lease, the entry
  await other.release();
  await lock.release();
  await sent(7); // the end of each lease
});

test('a session whose lease was revoked is not ended once more', async () => {
  const call = { signal: AbortSignal.timeout(10_000), deadline: performance.now() + 10_000 };
  const driver = await etcd({ endpoints: [`http://${proxy.host}:${proxy.port}`] }).connect(call);
  const session = await driver.openSession(10_000, call);
  await etcdCall(deployment.servers[0] as (typeof deployment.servers)[0], {}, '/v3/lease/revoke', {
    ID: BigInt(`0x${session.id}`).toString(),
  });
  await assert.rejects(session.renew(call), { code: 'KV_SESSION_LOST' });
  assert.equal((await counted(() => session.close(call))).requests, 0);
  await driver.close();
});

test('watchers share one stream, and each target is read once', async () => {
  const opened: AsyncIterator<unknown>[] = [];
  const open = async (iterable: AsyncIterable<unknown>, requests: number) => {
    const before = proxy.counts.requests;
    const iterator = iterable[Symbol.asyncIterator]();
    opened.push(iterator);
    await iterator.next();
    await poll(`${requests} requests`, async () => proxy.counts.requests - before === requests);
    return iterator;
  };
  const first = await open(store.watch('count/watched'), 2); // the read and the stream
  await open(store.watchTree('count/tree'), 1); // the read
  await open(store.watchTree('count/tree'), 1); // whether what is there is up to date
  const before = proxy.counts.requests;
  const change = first.next();
  await store.put('count/watched', 'changed');
  await change;
  assert.equal(proxy.counts.requests - before, 1); // the put
  for (const iterator of opened) await iterator.return?.();
});

test('exists and the names of keys do not transfer values', async () => {
  await store.put('count/large/a', new Uint8Array(500_000));
  const actions: (() => Promise<unknown>)[] = [
    () => store.exists('count/large/a'),
    () => store.list('count/large', { keysOnly: true }),
    () => store.put('count/large/a', 'small'),
  ];
  for (const action of actions) assert((await counted(action)).receivedBytes < 10_000);
});
