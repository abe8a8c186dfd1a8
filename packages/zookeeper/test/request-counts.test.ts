import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { openStore } from '@kv/core';
import { FaultProxy, poll, startServers } from '@kv-tooling/servers';
import { afterAll, beforeAll, describe, test } from 'vitest';
import { zookeeper } from '../src/index.ts';
import { optionsFor } from './harness.ts';

const deployment = await startServers('zookeeper');
const proxy = await FaultProxy.open(deployment.servers[0] as (typeof deployment.servers)[0], 'zookeeper');
let store: Awaited<ReturnType<typeof openStore>>;

beforeAll(async () => {
  store = await openStore(zookeeper({ servers: [`${proxy.host}:${proxy.port}`], ...optionsFor(deployment) }));
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
  // `set`, which finds nothing; `create`, whose answer tells no transaction; `exists`.
  'put that creates': [3, () => store.put(`other/${randomUUID()}`, 'value')],
  get: [1, () => store.get('count/a')],
  'get, stale': [1, () => store.get('count/a', { consistency: 'stale' })],
  'get of an absent key': [1, () => store.get('count/none')],
  exists: [1, () => store.exists('count/a')],
  // `exists` in one pipeline with it: whether it was a key, or only a directory that has become empty.
  delete: [2, () => store.delete('count/a')],
  'delete of an absent key': [2, () => store.delete('count/none')],
  'getMany of 16': [16, () => store.getMany(Array.from({ length: 16 }, (_, i) => `count/${i}`))],
  // The names, and each node.
  'list of one': [2, () => store.list('tree')],
  'list of one key': [2, () => store.list('tree', { keysOnly: true })],
  'list of one level': [2, () => store.list('tree', { recursive: false })],
  'list of nothing': [1, () => store.list('count/none')],
  'deleteTree of one': [2, () => store.deleteTree('tree')],
  'deleteTree of nothing': [1, () => store.deleteTree('count/none')],
  'atomicPut that creates': [2, () => store.atomicPut(`other/${randomUUID()}`, 'value', null)],
  'lockHolder of a free lock': [1, () => store.lockHolder('count/lock')],
};

for (const [name, [requests, action]] of Object.entries(expected)) {
  test(`${name}: ${requests}`, async () => {
    for (const key of ['count/a', 'other/a', 'tree/a']) await store.put(key, 'value');
    assert.equal((await counted(action)).requests, requests);
  });
}

test('compare-and-set: 1; atomicDelete, as delete: 2', async () => {
  const pair = await store.put('count/a', 'one');
  const { requests, result } = await counted(() => store.atomicPut('count/a', 'two', pair));
  assert.equal(requests, 1);
  assert.equal((await counted(() => store.atomicDelete('count/a', result))).requests, 2);
});

test('what a compare-and-set failed for: 1 more', async () => {
  const pair = await store.put('count/a', 'one');
  const { result } = await counted(() => store.atomicPut('count/a', 'two', pair));
  const failing = { modified: 'KV_KEY_MODIFIED', gone: 'KV_KEY_NOT_FOUND' };
  for (const [why, code] of Object.entries(failing)) {
    if (why === 'gone') await store.atomicDelete('count/a', result);
    const { requests } = await counted(() => assert.rejects(store.atomicPut('count/a', '', pair), { code }));
    assert.equal(requests, 2, why);
  }
});

describe('directories on the way to a key', () => {
  // For each, twice the access control list, by which it is told from a key, and in the same pipeline whether somebody has written it.
  test('one that is missing: 4, and 2 to find that it is', async () => {
    await store.put('other/a', 'value');
    const { requests } = await counted(() => store.put(`other/${randomUUID()}/key`, 'value'));
    assert.equal(requests, 3 + 1 + 4);
  });

  test('several that are missing: 5 for each, and 3 to find that they are', async () => {
    await store.put('other/a', 'value');
    const { requests } = await counted(() => store.put(`other/${randomUUID()}/b/c/key`, 'value'));
    const present = 1; // is looked for too
    assert.equal(requests, 3 + 2 + 3 * 5 + present);
  });

  test('none where all are there', async () => {
    await store.put('other/a', 'value');
    assert.equal((await counted(() => store.put(`other/${randomUUID()}`, 'value'))).requests, 3);
  });

  test('those of the longest key come in a few round trips', { timeout: 60_000 }, async () => {
    const latency = 200;
    const levels = 235;
    proxy.slow({ latency });
    try {
      const started = performance.now();
      await store.put(`${randomUUID()}/${'d/'.repeat(levels)}key`, 'value');
      assert(performance.now() - started < levels * latency, 'it has waited on each level');
    } finally {
      await proxy.heal();
    }
  });
});

test('a list has 512 requests under way at a time', { timeout: 60_000 }, async () => {
  const latency = 500;
  const keys = Array.from({ length: 800 }, (_, i) => `many/${i}`);
  await Promise.all(keys.map((key) => store.put(key, 'value')));
  const before = proxy.counts.requests;
  const sent = (requests: number) => poll('it is sent', async () => proxy.counts.requests - before >= requests);
  proxy.slow({ latency });
  try {
    const listed = store.list('many');
    await sent(2);
    const first = performance.now();
    await sent(1 + 512 + 1);
    assert(performance.now() - first > latency, 'it has not waited for answers');
    assert.equal((await listed).length, keys.length);
    assert.equal(proxy.counts.requests - before, 1 + keys.length);
  } finally {
    await proxy.heal();
    await store.deleteTree('many');
  }
});

test('a scan: the names once, and each node', { timeout: 30_000 }, async () => {
  const keys = Array.from({ length: 250 }, (_, i) => `many/${i}`);
  await Promise.all(keys.map((key) => store.put(key, 'value')));
  const { requests, result } = await counted(async () => {
    let found = 0;
    for await (const _ of store.scan('many')) found++;
    return found;
  });
  assert.deepEqual([requests, result], [1 + keys.length, keys.length]);
  await store.deleteTree('many');
});

test('a session is a connection of its own: 1 to end it', async () => {
  const before = proxy.counts;
  const session = await store.session();
  assert.equal(proxy.counts.requests, before.requests);
  await session.close();
  await poll('its end', async () => proxy.counts.requests === before.requests + 1);
  await sleep(50);
  assert.deepEqual([proxy.counts.requests - before.requests, proxy.counts.connections - before.connections], [1, 2]);
});

test('a key with a session or a ttl: 2 to read it', async () => {
  const session = await store.session();
  await store.put('bound/a', 'value', { session });
  await store.put('bound/b', 'value', { ttl: 60_000 });
  for (const key of ['bound/a', 'bound/b']) {
    // The node, then in one pipeline its box and whether the node is still the same.
    assert.equal((await counted(() => store.get(key))).requests, 3);
  }
  await session.close();
  await store.deleteTree('bound');
});

test('lock: 3, and its release: the removal of its entry, and the end of the session', async () => {
  await store.put('locks/a', 'value');
  const before = proxy.counts.requests;
  const lock = await store.lock('locks/a');
  assert.equal(proxy.counts.requests - before, 3); // the entry, the queue, the watch of the entry
  await lock.release();
  await poll('the end', async () => proxy.counts.requests - before === 5);
});

test('watchers of one key share what is asked for, and a change is read once', async () => {
  const opened: AsyncIterator<unknown>[] = [];
  const open = async () => {
    const steps = store.watch('watched/a')[Symbol.asyncIterator]();
    opened.push(steps);
    await steps.next();
    return steps;
  };
  await store.put('watched/a', 'value');
  const first = await counted(open);
  assert.equal(first.requests, 1);
  assert.equal((await counted(open)).requests, 1); // whether what is there is up to date
  const change = first.result.next();
  const { requests } = await counted(async () => {
    await store.put('watched/a', 'changed');
    await change;
  });
  assert.equal(requests, 2);
  for (const steps of opened) await steps.return?.();
});

test('exists and the names of keys do not transfer values', async () => {
  await store.put('large/a', new Uint8Array(500_000));
  const actions: (() => Promise<unknown>)[] = [
    () => store.exists('large/a'),
    () => store.list('large', { keysOnly: true }),
    () => store.put('large/a', 'small'),
  ];
  for (const action of actions) assert((await counted(action)).receivedBytes < 10_000);
});
