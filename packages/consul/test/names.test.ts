import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { openStore, type Store } from '@kv/core';
import { consulCall } from '@kv-tooling/servers';
import { afterAll, beforeAll, inject, test } from 'vitest';
import { consul } from '../src/index.ts';

const server = inject('servers').consul ?? { host: '', port: 0 };
const addresses = [`http://${server.host}:${server.port}`];
const root = randomUUID();
let store: Store;

beforeAll(async () => {
  store = await openStore(consul({ addresses, root }));
});
afterAll(() => store.close());

// The server refuses these in the path of a request: a private character, a joiner, a wide space, a young emoji.
for (const name of ['\ue000', 'a\u200db', '\u3000', '\u{1fae0}']) {
  test(`a key with ${JSON.stringify(name)} works in every call`, async () => {
    const directory = `dir-${randomUUID()}/${name}`;
    const key = `${directory}/key`;
    const watched = store.watch(key)[Symbol.asyncIterator]();
    const watchedTree = store.watchTree(directory)[Symbol.asyncIterator]();
    assert.equal((await watched.next()).value, undefined);
    assert.equal((await watchedTree.next()).value?.pairs.size, 0);
    const put = await store.put(key, 'value');
    assert.equal((await watched.next()).value?.revision, put.revision);
    assert.deepEqual([...((await watchedTree.next()).value?.pairs.keys() ?? [])], [key]);
    assert.equal((await store.get(key))?.revision, put.revision);
    assert.equal(await store.exists(key), true);
    assert.deepEqual(await store.list(directory, { keysOnly: true }), [key]);
    assert.deepEqual(await store.list(directory, { keysOnly: true, recursive: false }), [key]);
    assert.deepEqual(
      (await store.list(directory, { limit: 1 })).map((pair) => pair.key),
      [key],
    );
    await store.deleteTree(directory);
    assert.equal((await watched.next()).value, undefined);
    assert.equal(await store.exists(key), false);
    for (const iterator of [watched, watchedTree]) await iterator.return?.();
  });
}

test('what core cannot name is left out, and the rest is there', async () => {
  const put = (name: string) =>
    consulCall(
      server,
      {},
      'PUT',
      '/v1/txn',
      JSON.stringify([{ KV: { Verb: 'set', Key: `${root}/f/${name}`, Value: '' } }]),
    );
  for (const name of ['folder/', 'a//b', './c', 'ok']) assert.equal((await put(name)).status, 200);
  assert.deepEqual(await store.list('f', { keysOnly: true }), ['f/ok']);
  assert.deepEqual(
    (await store.list('f')).map(({ key }) => key),
    ['f/ok'],
  );
  assert.deepEqual(
    (await store.list('f', { limit: 10 })).map(({ key }) => key),
    ['f/ok'],
  );
});

test('`root` is a directory, and nothing beside it is seen', async () => {
  const sibling = await openStore(consul({ addresses, root: `/${root}-more/` }));
  await sibling.put('x', '');
  assert.deepEqual(
    (await store.list('', { keysOnly: true })).filter((key) => key.includes('more')),
    [],
  );
  const whole = await openStore(consul({ addresses }));
  assert.equal(await whole.exists(`${root}-more/x`), true);
  await whole.close();
  await sibling.deleteTree('');
  await sibling.close();
});
