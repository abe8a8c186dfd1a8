import assert from 'node:assert/strict';
import { openStore, text } from '@kv/core';
import { FaultProxy, startServers } from '@kv-tooling/servers';
import { test } from 'vitest';
import { zookeeper } from '../src/index.ts';
import { optionsFor } from './harness.ts';

test('a pair that becomes permanent is kept when the server removes its node, which is empty for a while', {
  timeout: 60_000,
}, async () => {
  const deployment = await startServers('zookeeper');
  const proxy = await FaultProxy.open(deployment.servers[0] as (typeof deployment.servers)[0]);
  const servers = [`${proxy.host}:${proxy.port}`];
  const store = await openStore(zookeeper({ servers, ...optionsFor(deployment) }), { codec: text() });
  const session = await store.session();
  const bound = await store.put('key', 'bound', { session });
  // Longer than the server takes to look for empty nodes: each request but the first of the write finds what it has removed.
  proxy.slow({ latency: 800 });
  const permanent = await store.atomicPut('key', 'permanent', bound, { timeout: 30_000 });
  await proxy.heal();
  assert.equal(permanent.createRevision, bound.createRevision);
  await session.close();
  assert.deepEqual(await store.get('key'), permanent);
  await store.close();
  await proxy.close();
  await deployment.remove();
});
