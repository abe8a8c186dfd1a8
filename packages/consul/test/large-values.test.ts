import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { openStore, type Store } from '@kv/core';
import { consulCall } from '@kv-tooling/servers';
import { afterAll, beforeAll, inject, test } from 'vitest';
import { consul } from '../src/index.ts';

const server = inject('servers').consul ?? { host: '', port: 0 };
const root = randomUUID();
let store: Store;

beforeAll(async () => {
  store = await openStore(consul({ addresses: [`http://${server.host}:${server.port}`], root }));
});
afterAll(() => store.close());

const largest = (fill: number) => new Uint8Array(store.capabilities.maxValueBytes).fill(fill);

test('compare-and-set of values that no transaction takes tells its conflicts apart', async () => {
  const created = await store.atomicPut('a', largest(1), null);
  const replaced = await store.atomicPut('a', largest(2), created);
  assert.equal(replaced.createRevision, created.createRevision);
  assert.equal((await store.get('a'))?.revision, replaced.revision);
  await assert.rejects(store.atomicPut('a', largest(3), null), { code: 'KV_KEY_EXISTS' });
  await assert.rejects(store.atomicPut('a', largest(3), created), { code: 'KV_KEY_MODIFIED' });
  await assert.rejects(store.atomicPut('b', largest(3), { ...created, key: 'b' }), { code: 'KV_KEY_NOT_FOUND' });
  assert.equal((await store.get('a'))?.value[0], 2);
});

test('of concurrent writers of large values exactly one wins each round', async () => {
  let pair = await store.put('race', largest(0));
  for (let round = 1; round <= 5; round++) {
    const tries = await Promise.allSettled(
      [1, 2, 3].map((i) => store.atomicPut('race', largest(10 * round + i), pair)),
    );
    const won = tries.filter((each) => each.status === 'fulfilled').map(({ value }) => value);
    assert.equal(won.length, 1);
    [pair] = won as [typeof pair];
    assert.equal((await store.get('race'))?.revision, pair.revision);
  }
});

test('a large put never returns the revision of another write', async () => {
  const written = await Promise.all([1, 2, 3, 4].map((i) => store.put('many', largest(i))));
  const current = await store.get('many');
  for (const [place, { revision, value }] of written.entries()) {
    assert.equal(value[0], place + 1);
    if (revision === current?.revision) assert.deepEqual(current.value, value);
    else await assert.rejects(store.atomicPut('many', 'x', written[place] ?? null), { code: 'KV_KEY_MODIFIED' });
  }
});

test('a large put makes the key of a session permanent', async () => {
  const { body } = await consulCall(server, {}, 'PUT', '/v1/session/create', '{"Behavior":"delete","LockDelay":"0s"}');
  const { ID } = JSON.parse(body);
  await consulCall(server, {}, 'PUT', `/v1/kv/${root}/held?acquire=${ID}`, 'theirs');
  const put = await store.put('held', largest(5));
  await consulCall(server, {}, 'PUT', `/v1/session/destroy/${ID}`);
  assert.equal((await store.get('held'))?.revision, put.revision);
});

test('what cannot be written in one step is refused before it is sent', async () => {
  const session = await store.session();
  const refused = { code: 'KV_VALUE_TOO_LARGE', outcome: 'not-applied' };
  await assert.rejects(store.put('bound', largest(1), { session }), refused);
  await assert.rejects(store.put('bound', largest(1), { ttl: 10_000 }), refused);
  const bound = await store.put('bound', 'small', { session });
  await assert.rejects(store.atomicPut('bound', largest(1), bound), refused);
  await session.close();
});
