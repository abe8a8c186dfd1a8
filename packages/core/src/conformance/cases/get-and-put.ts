import assert from 'node:assert/strict';
import { textOf } from '../bytes.ts';
import { conformanceCase } from '../case.ts';
import { expectError } from '../expect-error.ts';

export const getAndPut = [
  conformanceCase('put/makes-a-pair-that-every-client-reads', async ({ open }) => {
    const [writer, reader] = [await open(), await open()];
    const written = await writer.put('config/region', 'eu');
    assert.equal(written.key, 'config/region');
    assert.equal(textOf(written), 'eu');
    assert.deepEqual(await reader.get('config/region'), written);
    assert.deepEqual(await writer.get('config/region'), written);
  }),

  conformanceCase('put/replaces-the-value', async ({ open }) => {
    const [writer, reader] = [await open(), await open()];
    await writer.put('a', 'one');
    await writer.put('a', 'two');
    assert.equal(textOf(await reader.get('a')), 'two');
    await reader.put('a', 'three');
    assert.equal(textOf(await writer.get('a')), 'three');
  }),

  conformanceCase('put/leaves-parents-and-children-alone', async ({ open }) => {
    const store = await open();
    await store.put('a/b/c', 'leaf');
    assert.equal(await store.get('a'), undefined, 'a write below a key made the key exist');
    assert.equal(await store.exists('a/b'), false, 'a write below a key made the key exist');
    await store.put('a', 'root');
    await store.put('a/b', 'inner');
    assert.deepEqual((await store.getMany(['a', 'a/b', 'a/b/c'])).map(textOf), ['root', 'inner', 'leaf']);
  }),

  conformanceCase('get/linearizable-sees-what-another-client-was-told-is-written', async ({ open }) => {
    const [writer, reader] = [await open(), await open()];
    for (let round = 0; round < 20; round++) {
      await writer.put('round', String(round));
      assert.equal(textOf(await reader.get('round')), String(round));
      assert.equal(textOf((await reader.getMany(['round']))[0]), String(round));
      assert.deepEqual((await reader.list('')).map(textOf), [String(round)]);
    }
  }),

  conformanceCase('get/stale-gives-the-last-state-in-the-end', async ({ open, eventually }) => {
    const [writer, reader] = [await open(), await open()];
    const written = await writer.put('a/b', 'one');
    const stale = { consistency: 'stale' } as const;
    await eventually(async () => {
      assert.deepEqual(await reader.get('a/b', stale), written);
      assert.deepEqual(await reader.getMany(['a/b', 'x'], stale), [written, undefined]);
      assert.deepEqual(await reader.list('a', stale), [written]);
      assert.deepEqual(await reader.list('a', { ...stale, keysOnly: true }), ['a/b']);
      assert.deepEqual(await Array.fromAsync(reader.scan('a', stale)), [written]);
    });
  }),

  conformanceCase('get/is-undefined-for-an-absent-key', async ({ open }) => {
    const store = await open();
    assert.equal(await store.get('absent'), undefined);
    assert.equal(await store.get('absent/deep/down'), undefined);
    await store.put('present', '');
    assert.equal(await store.get('present/below'), undefined);
    assert.equal(await store.get('presen'), undefined);
  }),

  conformanceCase('exists/tells-present-from-absent', async ({ open }) => {
    const [store, other] = [await open(), await open()];
    assert.equal(await store.exists('a'), false);
    await store.put('a', '');
    assert.equal(await other.exists('a'), true);
    assert.equal(await other.exists('a/b'), false);
    await store.delete('a');
    assert.equal(await other.exists('a'), false);
  }),

  conformanceCase('delete/removes-the-key-and-tells-whether-it-existed', async ({ open }) => {
    const [store, other] = [await open(), await open()];
    assert.equal(await store.delete('a'), false);
    await store.put('a', 'value');
    assert.equal(await other.delete('a'), true);
    assert.equal(await store.get('a'), undefined);
    assert.deepEqual(await store.list('', { keysOnly: true }), []);
    assert.equal(await store.delete('a'), false);
    assert.equal(await store.delete('never/there'), false);
  }),

  conformanceCase('delete/of-one-key-by-many-clients-succeeds-once', async ({ open }) => {
    const stores = await Promise.all(Array.from({ length: 4 }, () => open()));
    for (let round = 0; round < 5; round++) {
      await stores[0]?.put('a', 'value');
      const existed = await Promise.all(stores.map((store) => store.delete('a')));
      assert.equal(existed.filter(Boolean).length, 1, `told to have existed: ${existed}`);
    }
  }),

  conformanceCase('delete/leaves-parents-children-and-siblings', async ({ open }) => {
    const store = await open();
    for (const key of ['a', 'a/b', 'a/b/c', 'ab']) await store.put(key, key);
    assert.equal(await store.delete('a/b'), true);
    assert.equal(await store.get('a/b'), undefined);
    assert.deepEqual(await store.list('', { keysOnly: true }), ['a', 'a/b/c', 'ab']);
    assert.equal(await store.delete('a'), true);
    assert.deepEqual(await store.list('', { keysOnly: true }), ['a/b/c', 'ab']);
    assert.equal(textOf(await store.get('a/b/c')), 'a/b/c');
    // Nothing was left of it that could be deleted again.
    assert.equal(await store.delete('a/b'), false);
  }),

  conformanceCase('get-many/keeps-the-order-with-absent-keys-and-duplicates', async ({ open }) => {
    const store = await open();
    const one = await store.put('one', '1');
    const two = await store.put('dir/two', '2');
    const keys = ['dir/two', 'absent', 'one', '/one/', 'dir', 'dir/two'];
    assert.deepEqual(await store.getMany(keys), [two, undefined, one, one, undefined, two]);
    assert.deepEqual(await store.getMany([]), []);
  }),

  conformanceCase('get-many/takes-hundreds-of-keys', async ({ open }) => {
    const store = await open();
    await store.put('key/7', 'seven');
    await store.put('key/299', 'last');
    const pairs = await store.getMany(Array.from({ length: 300 }, (_, i) => `key/${i}`));
    assert.equal(pairs.length, 300);
    assert.deepEqual(
      pairs.flatMap((pair, i) => (pair === undefined ? [] : [[i, pair.key, textOf(pair)]])),
      [
        [7, 'key/7', 'seven'],
        [299, 'key/299', 'last'],
      ],
    );
  }),

  conformanceCase('put/to-one-key-at-once-leaves-one-of-the-values', async ({ open }) => {
    const stores = await Promise.all(Array.from({ length: 4 }, () => open()));
    const written = await Promise.all(stores.map((store, i) => store.put('a', `from ${i}`)));
    const last = await stores[0]?.get('a');
    assert(
      written.some((pair) => pair.revision === last?.revision && textOf(pair) === textOf(last)),
      'the pair that is there is none of those that were returned',
    );
    assert.equal(new Set(written.map(({ revision }) => revision)).size, 4, 'two writes returned the same revision');
    assert.equal(new Set(written.map(({ createRevision }) => createRevision)).size, 1);
    await expectError(stores[0]?.atomicPut('a', 'x', null) as Promise<unknown>, 'KV_KEY_EXISTS');
  }),
];
