import assert from 'node:assert/strict';
import type { KVPair } from '../../pair.ts';
import { conformanceCase } from '../case.ts';

export const revisions = [
  conformanceCase('revisions/are-the-same-in-every-call-that-gives-the-pair', async ({ open, observe }) => {
    const [store, other] = [await open(), await open()];
    const written = await store.put('dir/key', 'value');
    assert.equal(typeof written.revision, 'string');
    assert.notEqual(written.revision, '');
    assert.equal(typeof written.createRevision, 'bigint');
    const read = [
      await other.get('dir/key'),
      (await other.getMany(['dir/key']))[0],
      (await other.list('dir'))[0],
      (await other.scan('dir').next()).value,
      await observe(other.watch('dir/key')).until((pair) => pair !== undefined),
      (await observe(other.watchTree('dir')).until(({ pairs }) => pairs.size > 0)).pairs.get('dir/key'),
    ];
    for (const pair of read) assert.deepEqual(pair, written);
  }),

  conformanceCase('revisions/do-not-change-while-the-pair-does-not', async ({ open }) => {
    const store = await open();
    const written = await store.put('a/b', 'value');
    await store.put('a', 'parent');
    await store.put('a/b/c', 'child');
    await store.put('a/bb', 'sibling');
    await store.delete('a/b/c');
    await store.deleteTree('a/b');
    await store.delete('a');
    assert.deepEqual(await store.get('a/b'), written);
    assert.equal((await store.atomicPut('a/b', 'next', written)).key, 'a/b');
  }),

  conformanceCase('revisions/change-with-every-new-value', async ({ open }) => {
    const [store, other] = [await open(), await open()];
    const pairs: KVPair[] = [];
    for (let i = 0; i < 10; i++) pairs.push(await (i % 2 === 0 ? store : other).put('key', String(i)));
    assert.equal(new Set(pairs.map(({ revision }) => revision)).size, 10, 'a revision came twice');
    assert.equal(new Set(pairs.map(({ createRevision }) => createRevision)).size, 1, 'a put changed `createRevision`');
    assert.deepEqual(await other.get('key'), pairs.at(-1));
  }),

  conformanceCase('revisions/a-write-returns-its-own-and-not-a-later-one', async ({ open }) => {
    const stores = await Promise.all(Array.from({ length: 4 }, () => open()));
    const written = await Promise.all(
      Array.from({ length: 24 }, (_, i) => (stores[i % 4] as (typeof stores)[0]).put('key', String(i))),
    );
    assert.equal(new Set(written.map(({ revision }) => revision)).size, 24, 'two writes returned the same revision');
    const last = await stores[0]?.get('key');
    const own = written.find(({ revision }) => revision === last?.revision);
    assert.deepEqual(own, last, 'the revision that is there was returned with another value');
  }),

  conformanceCase('revisions/create-revision-grows-in-the-order-of-creation', async ({ open }) => {
    const stores = await Promise.all([open(), open(), open()]);
    const created: bigint[] = [];
    for (let i = 0; i < 12; i++) {
      const store = stores[i % 3] as (typeof stores)[0];
      const key = `order/${String(99 - i)}`;
      const pair = i % 2 === 0 ? await store.put(key, '') : await store.atomicPut(key, '', null);
      created.push(pair.createRevision);
      // Writes to what exists do not count as creations.
      if (i > 0) await store.put(`order/${String(100 - i)}`, 'again');
    }
    for (const [i, revision] of created.entries()) {
      if (i > 0) assert(revision > (created[i - 1] as bigint), `key ${i} has ${revision}, after ${created[i - 1]}`);
    }
    const listed = await stores[0].list('order');
    assert.deepEqual(
      listed.map(({ createRevision }) => createRevision),
      [...created].reverse(),
    );
  }),

  conformanceCase('revisions/create-revision-grows-when-a-key-is-created-again', async ({ open }) => {
    const [store, other] = [await open(), await open()];
    let last = await store.put('key', 'value');
    const remove = [
      () => other.delete('key'),
      async () => other.atomicDelete('key', last),
      () => other.deleteTree(''),
      () => store.delete('key'),
    ];
    for (const step of remove) {
      await step();
      const recreated = await store.put('key', 'value');
      assert(recreated.createRevision > last.createRevision);
      assert.equal((await other.get('key'))?.createRevision, recreated.createRevision);
      last = recreated;
    }
  }),
];
