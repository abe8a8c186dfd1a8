import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { openStore, type Store } from '@kv/core';
import { consulCall, FaultProxy, poll } from '@kv-tooling/servers';
import { afterEach, beforeEach, inject, test } from 'vitest';
import { consul } from '../src/index.ts';

const server = inject('servers').consul ?? { host: '', port: 0 };
let root: string;
let proxy: FaultProxy;
let store: Store;

beforeEach(async () => {
  root = randomUUID();
  proxy = await FaultProxy.open(server);
  store = await openStore(consul({ addresses: [`http://${proxy.host}:${proxy.port}`], root }));
});
afterEach(async () => {
  await proxy.heal();
  await store.close();
  await proxy.close();
});

async function call(method: 'GET' | 'PUT', path: string, body?: object): Promise<unknown> {
  const { status, body: text } = await consulCall(server, {}, method, path, body && JSON.stringify(body));
  return status === 404 ? undefined : JSON.parse(text);
}

/** The session that holds a key, as the server says. */
async function holder(key: string): Promise<string | undefined> {
  const [pair] = (await call('GET', `/v1/kv/${root}/${key}?consistent`)) as { Session?: string }[];
  return pair?.Session;
}

async function sessionExists(id: string): Promise<boolean> {
  return ((await call('GET', `/v1/session/info/${id}?consistent`)) as unknown[]).length > 0;
}

const text = (value: Uint8Array | undefined) => value && new TextDecoder().decode(value);

test('a session of another program loses a key that is put, and the value survives its end', async () => {
  const { ID } = (await call('PUT', '/v1/session/create', { Behavior: 'delete', LockDelay: '0s' })) as { ID: string };
  await call('PUT', `/v1/kv/${root}/a?acquire=${ID}`, { theirs: true });
  const before = await store.get('a');
  const put = await store.put('a', 'ours');
  assert.equal(put.createRevision, before?.createRevision);
  assert.equal(await holder('a'), undefined);
  assert.equal(await sessionExists(ID), true, "another program's session was destroyed");
  await call('PUT', `/v1/session/destroy/${ID}`);
  const read = await store.get('a');
  assert.deepEqual([text(read?.value), read?.revision], ['ours', put.revision]);
});

test('the session behind a ttl goes with the key, whatever takes it away', async () => {
  const endings: Record<string, () => Promise<unknown>> = {
    put: () => store.put('a', 'permanent'),
    'put with another ttl': () => store.put('a', 'again', { ttl: 20_000 }),
    atomicPut: async () => store.atomicPut('a', 'permanent', (await store.get('a')) ?? null),
    delete: () => store.delete('a'),
    atomicDelete: async () => {
      const pair = await store.get('a');
      return pair && store.atomicDelete('a', pair);
    },
    transaction: async () => store.transaction({ if: [], then: [{ type: 'put', key: 'a', value: 'permanent' }] }),
  };
  for (const [name, end] of Object.entries(endings)) {
    await store.put('a', 'short', { ttl: 10_000 });
    const id = await holder('a');
    assert.ok(id !== undefined);
    await end();
    await poll(`${name} ended the session`, async () => !(await sessionExists(id)));
  }
});

test('a user session outlives the keys that are taken from it', async () => {
  const session = await store.session();
  await store.put('a', '1', { session });
  await store.put('b', '1', { session });
  await store.put('a', '2');
  await store.put('b', '2', { ttl: 10_000 });
  // Whatever is ended behind the calls has been ended when the store of another client has come and gone.
  await store.put('c', '1', { session });
  assert.equal(await holder('c'), session.id);
  assert.equal(await sessionExists(session.id), true);
  await session.close();
  assert.deepEqual(await store.list('', { keysOnly: true }), ['a', 'b']);
});

test('a write with a ttl that was refused leaves no session', async () => {
  const sessions = async () => (await call('GET', '/v1/session/list?consistent')) as { ID: string; Name: string }[];
  await store.put('a', 'here');
  const before = new Set((await sessions()).map(({ ID }) => ID));
  await assert.rejects(store.atomicPut('a', 'x', null, { ttl: 10_000 }), { code: 'KV_KEY_EXISTS' });
  const fresh = async () => (await sessions()).filter(({ ID, Name }) => !before.has(ID) && Name.endsWith('expiry'));
  await poll('the session was ended', async () => (await fresh()).length === 0);
});

test('a session that is ended by force is told to its owner when it is used', async () => {
  const session = await store.session();
  await call('PUT', `/v1/session/destroy/${session.id}`);
  await assert.rejects(store.put('a', 'x', { session }), { code: 'KV_SESSION_LOST', outcome: 'not-applied' });
  await session.close();
});

test('sessions depend on their time to live alone', async () => {
  const session = await store.session({ ttl: 12_345 });
  const [info] = (await call('GET', `/v1/session/info/${session.id}`)) as Record<string, unknown>[];
  const { TTL, Behavior, LockDelay, NodeChecks, ServiceChecks } = info ?? {};
  assert.deepEqual(
    { TTL, Behavior, LockDelay, checks: [NodeChecks ?? [], ServiceChecks ?? []] },
    { TTL: '12345ms', Behavior: 'delete', LockDelay: 0, checks: [[], []] },
  );
  await session.close();
});

test('a session whose opening was aborted does not stay', async () => {
  const sessions = async () =>
    ((await call('GET', '/v1/session/list?consistent')) as { ID: string }[]).map(({ ID }) => ID);
  const before = new Set(await sessions());
  proxy.slow({ latency: 200 });
  const abort = new AbortController();
  const opening = store.session({ signal: abort.signal });
  // It is at the server, and its answer is on the way.
  await poll('the session exists', async () => (await sessions()).some((id) => !before.has(id)));
  abort.abort(new Error('enough'));
  await assert.rejects(opening, { message: 'enough' });
  await poll('the session is gone', async () => (await sessions()).every((id) => before.has(id)));
});
