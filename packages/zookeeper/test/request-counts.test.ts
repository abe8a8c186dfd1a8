import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { openStore } from '@kv/core';
import { FaultProxy, startServers } from '@kv-tooling/servers';
import { afterAll, beforeAll, test } from 'vitest';
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

async function counted<T>(action: () => Promise<T>): Promise<{ requests: number; result: T }> {
  const before = proxy.counts.requests;
  const result = await action();
  return { requests: proxy.counts.requests - before, result };
}

const expected: Record<string, readonly [number, () => Promise<unknown>]> = {
  put: [1, () => store.put('count/a', 'value')],
  get: [1, () => store.get('count/a')],
  'get of an absent key': [1, () => store.get('count/none')],
  exists: [1, () => store.exists('count/a')],
  'delete of an absent key': [2, () => store.delete('count/none')],
  'getMany of 16': [16, () => store.getMany(Array.from({ length: 16 }, (_, i) => `count/${i}`))],
  // The names, and each node.
  'list of one': [2, () => store.list('count')],
  'list of one key': [2, () => store.list('count', { keysOnly: true })],
  'atomicPut that creates': [2, () => store.atomicPut(`other/${randomUUID()}`, 'value', null)],
  'lockHolder of a free lock': [1, () => store.lockHolder('count/lock')],
};

for (const [name, [requests, action]] of Object.entries(expected)) {
  test(`${name}: ${requests}`, async () => {
    await store.put('count/a', 'value');
    await store.put('other/a', 'value');
    assert.equal((await counted(action)).requests, requests);
  });
}

test('compare-and-set: 1', async () => {
  const pair = await store.put('count/a', 'one');
  assert.equal((await counted(() => store.atomicPut('count/a', 'two', pair))).requests, 1);
});
