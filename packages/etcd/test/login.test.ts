import assert from 'node:assert/strict';
import { openStore, type Store } from '@kv/core';
import { type Deployment, etcdCall, poll, startServers } from '@kv-tooling/servers';
import { afterAll, beforeAll, test } from 'vitest';
import { type EtcdOptions, etcd } from '../src/index.ts';
import { accessOptions } from './harness.ts';

let deployment: Deployment;
let options: EtcdOptions;

beforeAll(async () => {
  deployment = await startServers('etcd', { secured: true });
  const endpoints = deployment.servers.map(({ host, port }) => `https://${host}:${port}`);
  options = { endpoints, root: 'app', ...accessOptions(deployment) };
});
afterAll(() => deployment.remove());

async function using(action: (store: Store) => Promise<void>, changed: Partial<EtcdOptions> = {}): Promise<void> {
  const store = await openStore(etcd({ ...options, ...changed }));
  try {
    await action(store);
  } finally {
    await store.close();
  }
}

test('a token that the server has forgotten is renewed: by calls, watches and sessions', { timeout: 60_000 }, () =>
  using(async (store) => {
    const session = await store.session({ ttl: 60_000 });
    const iterator = store.watch('watched')[Symbol.asyncIterator]();
    await iterator.next();
    const [server] = deployment.servers as [Deployment['servers'][0]];
    await server.kill();
    await server.start();
    await store.get('a'); // core sends reads again
    await store.put('a', 'value', { session });
    await poll('the watch is back', async () => store.status === 'connected');
    const { revision } = await store.put('watched', 'value');
    assert.equal((await iterator.next()).value?.revision, revision);
    assert.equal(session.lost.aborted, false);
    await iterator.return?.();
    await session.close();
    assert.equal(await store.exists('a'), false);
  }),
);

test('a watch is opened on a stream whose token the server has forgotten', () =>
  using(async (store) => {
    const old = store.watch('old')[Symbol.asyncIterator]();
    await old.next();
    // Forgets all tokens, and leaves connections and streams alone.
    const [server] = deployment.servers as [Deployment['servers'][0]];
    await etcdCall(server, deployment.admin, '/v3/auth/disable');
    const { tls } = deployment.admin;
    await etcdCall(server, { ...(tls && { tls }) }, '/v3/auth/enable');
    const fresh = store.watch('fresh')[Symbol.asyncIterator]();
    await fresh.next();
    for (const [key, iterator] of Object.entries({ old, fresh })) {
      const { revision } = await store.put(key, 'value');
      assert.equal((await iterator.next()).value?.revision, revision);
    }
    for (const iterator of [old, fresh]) await iterator.return?.();
  }));

test('a wrong password is refused', () =>
  assert.rejects(
    using(async () => {}, { login: { user: 'app', password: 'wrong' } }),
    {
      code: 'KV_PERMISSION_DENIED',
      message: /authentication failed/,
    },
  ));

test('keys that the user has no right to are refused in every call, and a watch of them ends', () =>
  using(
    async (store) => {
      const denied = { code: 'KV_PERMISSION_DENIED' };
      await assert.rejects(store.get('a'), denied);
      await assert.rejects(store.put('a', 'value'), { ...denied, outcome: 'not-applied' });
      await assert.rejects(store.list(''), denied);
      await assert.rejects(store.lock('a'), denied);
      const watching = store.watch('a')[Symbol.asyncIterator]();
      await assert.rejects(async () => watching.next(), denied);
    },
    { root: 'elsewhere' },
  ));

test('no password is in an error', async () => {
  const error = await openStore(etcd({ ...options, login: { user: 'app', password: 'hush-hush' } })).catch((e) => e);
  for (let cause = error; cause !== undefined; cause = cause.cause) {
    assert(!`${cause.message}${cause.stack}${JSON.stringify(cause)}`.includes('hush-hush'));
  }
});

test('a server of another authority, and a client without a certificate, get no connection', async () => {
  const { tls } = deployment.client;
  const failed = { code: 'KV_UNAVAILABLE' };
  await assert.rejects(
    using(async () => {}, { tls: { cert: tls?.cert ?? '', key: tls?.key ?? '' } }),
    {
      ...failed,
      message: /certificate/,
    },
  );
  await assert.rejects(
    using(async () => {}, { tls: { ca: tls?.ca ?? '' } }),
    failed,
  );
});
