import assert from 'node:assert/strict';
import { openStore, text } from '@kv/core';
import { type Address, type Deployment, poll, startServers } from '@kv-tooling/servers';
import { afterAll, beforeAll, test } from 'vitest';
import { etcd } from '../src/index.ts';
import { Switch } from './switch.ts';

type Server = Deployment['servers'][0];

let deployments: Deployment[];
let server: Server;
let restored: Server;

beforeAll(async () => {
  deployments = await Promise.all([startServers('etcd'), startServers('etcd')]);
  [server, restored] = deployments.map(({ servers }) => servers[0]) as [Server, Server];
}, 60_000);
afterAll(() => Promise.all(deployments.map((deployment) => deployment.remove())));

function openAt({ host, port }: Address) {
  return openStore(etcd({ endpoints: [`http://${host}:${port}`] }), { codec: text() });
}

test('an attempt to connect that is never answered is given up for a new one', { timeout: 30_000 }, async () => {
  const between = await Switch.open(server);
  const store = await openAt(between);
  try {
    between.lead(undefined);
    between.breakConnections();
    await assert.rejects(store.get('absent', { timeout: 1_000 }), { code: 'KV_TIMEOUT' });
    await poll('an attempt hangs', async () => between.connections > 0);
    between.lead(server); // which the attempt that hangs will never learn
    assert.equal(await store.get('absent'), undefined);
  } finally {
    await store.close();
    await between.close();
  }
});

test('a watch on a server that was restored from an older state gives that state', async () => {
  const [now, then] = await Promise.all([openAt(server), openAt(restored)]);
  for (let i = 0; i < 100; i++) await now.put('restored', 'now');
  await then.put('restored', 'then');
  const between = await Switch.open(server);
  const store = await openAt(between);
  const iterator = store.watch('restored')[Symbol.asyncIterator]();
  try {
    assert.equal((await iterator.next()).value?.value, 'now');
    between.lead(restored);
    between.breakConnections();
    assert.equal((await iterator.next()).value?.value, 'then');
    await then.put('restored', 'later');
    assert.equal((await iterator.next()).value?.value, 'later');
  } finally {
    await iterator.return?.();
    for (const each of [store, now, then]) await each.close();
    await between.close();
  }
});

test('close leaves no connection', async () => {
  const between = await Switch.open(server);
  const store = await openAt(between);
  const iterator = store.watch('key')[Symbol.asyncIterator]();
  await iterator.next();
  await store.put('key', 'value');
  await store.close();
  await poll('all connections have ended', async () => between.connections === 0, 2_000);
  await between.close();
});
