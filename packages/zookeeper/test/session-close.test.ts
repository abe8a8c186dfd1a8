import assert from 'node:assert/strict';
import { openStore, text } from '@kv/core';
import { FaultProxy, startServers } from '@kv-tooling/servers';
import { test } from 'vitest';
import { zookeeper } from '../src/index.ts';
import { optionsFor } from './harness.ts';

test('a write that is bound to a session finishes when the store is closed', { timeout: 60_000 }, async () => {
  const deployment = await startServers('zookeeper');
  const proxy = await FaultProxy.open(deployment.servers[0] as (typeof deployment.servers)[0]);
  const servers = [`${proxy.host}:${proxy.port}`];
  const store = await openStore(zookeeper({ servers, ...optionsFor(deployment) }), { codec: text() });
  const session = await store.session();
  proxy.slow({ latency: 200 });
  const written = store.put('key', 'bound', { session });
  const [pair] = await Promise.all([written, store.close()]);
  assert.equal(pair.value, 'bound');
  await proxy.close();
  await deployment.remove();
});
