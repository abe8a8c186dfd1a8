import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openStore } from '@kv/core';
import { consulCall, type Deployment, poll, startServers } from '@kv-tooling/servers';
import { afterAll, beforeAll, test } from 'vitest';
import { type ConsulOptions, consul } from '../src/index.ts';
import { accessOptions } from './harness.ts';

let deployment: Deployment;
let options: ConsulOptions;

beforeAll(async () => {
  deployment = await startServers('consul', { secured: true });
  const addresses = deployment.servers.map(({ host, port }) => `https://${host}:${port}`);
  options = { addresses, root: 'app/access', ...accessOptions(deployment) };
}, 60_000);
afterAll(() => deployment.remove());

const rejects = (changed: ConsulOptions, expected: object) => assert.rejects(openStore(consul(changed)), expected);

test('client certificate and token open the store', async () => {
  const store = await openStore(consul(options));
  const session = await store.session();
  const pair = await store.put('a', 'x', { session });
  assert.equal((await store.get('a'))?.revision, pair.revision);
  await session.close();
  await store.close();
});

test('the token can be in a file', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'kv-consul-'));
  try {
    const { token = '', ...others } = options;
    const tokenFile = join(directory, 'token');
    await writeFile(tokenFile, `${token}\n`);
    const store = await openStore(consul({ ...others, tokenFile }));
    await store.put('a', 'x');
    await store.close();
    await rejects({ ...others, tokenFile: join(directory, 'none') }, { code: 'KV_INVALID_ARGUMENT' });
  } finally {
    await rm(directory, { recursive: true });
  }
});

test('a token that the server does not know, and none, are refused when the store is opened', async () => {
  const { token: _, ...anonymous } = options;
  await rejects({ ...options, token: '00000000-1111-2222-3333-444444444444' }, { code: 'KV_PERMISSION_DENIED' });
  await rejects(anonymous, { code: 'KV_PERMISSION_DENIED' });
});

test('what the token does not cover is refused in every kind of call', async () => {
  const [server] = deployment.servers as [Deployment['servers'][0]];
  for (const key of ['a', '\u200d']) {
    await consulCall(
      server,
      deployment.admin,
      'PUT',
      '/v1/txn',
      JSON.stringify([{ KV: { Verb: 'set', Key: `elsewhere/${key}`, Value: '' } }]),
    );
  }
  const store = await openStore(consul({ ...options, root: 'elsewhere' }));
  const denied = { code: 'KV_PERMISSION_DENIED' };
  await assert.rejects(store.get('a'), denied);
  await assert.rejects(store.get('\u200d'), denied);
  await assert.rejects(store.exists('a'), denied);
  await assert.rejects(store.put('a', 'x'), { ...denied, outcome: 'not-applied' });
  await assert.rejects(store.atomicPut('a', 'x', null), { ...denied, outcome: 'not-applied' });
  await assert.rejects(store.delete('a'), { ...denied, outcome: 'not-applied' });
  await assert.rejects(store.getMany(['a']), denied);
  await assert.rejects(store.deleteTree('a'), { ...denied, outcome: 'not-applied' });
  await assert.rejects(store.lock('a'), denied);
  const watch = store.watch('a')[Symbol.asyncIterator]();
  await assert.rejects(watch.next(), denied);
  await store.close();
});

test('a deleted token ends calls and watches, after the time that a server needs to start', async () => {
  const [server] = deployment.servers as [Deployment['servers'][0]];
  const management = { Policies: [{ ID: '00000000-0000-0000-0000-000000000001' }] };
  const made = await consulCall(server, deployment.admin, 'PUT', '/v1/acl/token', JSON.stringify(management));
  const { AccessorID, SecretID } = JSON.parse(made.body);
  const store = await openStore(consul({ ...options, token: SecretID }));
  const watch = store.watch('a')[Symbol.asyncIterator]();
  await watch.next();
  const watchEnded = assert.rejects(watch.next(), { code: 'KV_PERMISSION_DENIED' });
  await consulCall(server, deployment.admin, 'DELETE', `/v1/acl/token/${AccessorID}`);
  await assert.rejects(store.get('a', { timeout: 1_000 }), { code: 'KV_UNAVAILABLE' });
  const noticedAt = performance.now();
  await assert.rejects(store.get('a', { timeout: 30_000 }), { code: 'KV_PERMISSION_DENIED' });
  await watchEnded;
  // The answer to the query that waits when the token goes does not count as one to a token that is known.
  assert.ok(performance.now() - noticedAt < 13_000, `${performance.now() - noticedAt} ms`);
  await store.close();
}, 60_000);

test('certificates that are missing or not trusted are errors that say so', async () => {
  const { tls, ...others } = options;
  const { cert, key, ...authority } = tls ?? {};
  await rejects({ ...others, tls: authority }, { code: 'KV_PERMISSION_DENIED', message: /certificate/ });
  await rejects({ ...others, tls: { cert, key } }, { code: 'KV_UNAVAILABLE', retryable: false, message: /trusted/ });
  const wrong = { code: 'KV_UNAVAILABLE', retryable: false };
  await rejects({ ...options, tls: { ...tls, serverName: 'other.example' } }, wrong);
});

test('a namespace is refused by a server that has none, before anything is written', async () => {
  await rejects({ ...options, namespace: 'team' }, { code: 'KV_INVALID_ARGUMENT', message: /Enterprise/ });
});

test('a datacenter that the agent does not know is unavailable', async () => {
  const store = consul({ ...options, datacenter: 'nowhere' });
  await assert.rejects(openStore(store, { timeout: 2_000 }), { code: 'KV_UNAVAILABLE', message: /datacenter/ });
  const named = await openStore(consul({ ...options, datacenter: 'dc1' }));
  await poll('a write', async () => named.put('dc', 'x'));
  await named.close();
});
