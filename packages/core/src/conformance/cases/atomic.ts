import assert from 'node:assert/strict';
import { KvError } from '../../error.ts';
import type { KVPair } from '../../pair.ts';
import { textOf } from '../bytes.ts';
import { conformanceCase } from '../case.ts';
import { expectError } from '../expect-error.ts';
import { transact } from '../transact.ts';

const refused = { outcome: 'not-applied', retryable: false } as const;

function codesOf(results: readonly PromiseSettledResult<unknown>[]): string[] {
  return results
    .filter((result) => result.status === 'rejected')
    .map(({ reason }) => (KvError.is(reason) ? reason.code : String(reason)));
}

function winnersOf<T>(results: readonly PromiseSettledResult<T>[]): T[] {
  return results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
}

export const atomic = [
  conformanceCase('atomic-put/creates-with-null', async ({ open }) => {
    const [store, other] = [await open(), await open()];
    const created = await store.atomicPut('deep/down/key', 'one', null);
    assert.equal(created.key, 'deep/down/key');
    assert.deepEqual(await other.get('deep/down/key'), created);
    const error = await expectError(other.atomicPut('deep/down/key', 'two', null), 'KV_KEY_EXISTS', refused);
    assert.equal(error.operation, 'atomicPut');
    assert.equal(error.key, 'deep/down/key');
    assert.deepEqual(await store.get('deep/down/key'), created);
  }),

  conformanceCase('atomic-put/creates-a-key-that-is-only-a-directory', async ({ open }) => {
    const store = await open();
    await store.put('a/b', 'child');
    const created = await store.atomicPut('a', 'parent', null);
    assert.deepEqual(await store.get('a'), created);
    assert.equal(textOf(await store.get('a/b')), 'child');
    await store.atomicDelete('a', created);
    assert.equal((await store.atomicPut('a', 'again', null)).key, 'a');
  }),

  conformanceCase('atomic-put/replaces-the-pair-it-knows', async ({ open }) => {
    const [store, other] = [await open(), await open()];
    const first = await store.put('key', 'one');
    const second = await store.atomicPut('key', 'two', first);
    assert.deepEqual(await other.get('key'), second);
    assert.equal(textOf(second), 'two');
    assert.equal(second.createRevision, first.createRevision);
    assert.notEqual(second.revision, first.revision);
  }),

  conformanceCase('atomic-put/needs-no-more-of-a-pair-than-key-and-revision', async ({ open }) => {
    const store = await open();
    const { revision } = await store.put('key', 'one');
    const stored: KVPair = JSON.parse(JSON.stringify({ key: '/key/', revision }));
    assert.equal(textOf(await store.atomicPut('key', 'two', stored)), 'two');
  }),

  conformanceCase('atomic-put/refuses-a-pair-that-has-changed', async ({ open }) => {
    const [store, other] = [await open(), await open()];
    const first = await store.put('key', 'one');
    const second = await other.put('key', 'two');
    const error = await expectError(store.atomicPut('key', 'three', first), 'KV_KEY_MODIFIED', refused);
    assert.equal(error.operation, 'atomicPut');
    assert.equal(error.key, 'key');
    assert.deepEqual(await store.get('key'), second);
    await store.atomicPut('key', 'three', second);
    await expectError(store.atomicPut('key', 'four', second), 'KV_KEY_MODIFIED', refused);
    assert.equal(textOf(await other.get('key')), 'three');
  }),

  conformanceCase('atomic-put/tells-an-absent-key-from-a-changed-one', async ({ open }) => {
    const store = await open();
    const pair = await store.put('key', 'one');
    await store.delete('key');
    await expectError(store.atomicPut('key', 'two', pair), 'KV_KEY_NOT_FOUND', { ...refused, key: 'key' });
    assert.equal(await store.exists('key'), false);
    // A key that only has children is absent too.
    await store.put('key/child', '');
    await expectError(store.atomicPut('key', 'two', pair), 'KV_KEY_NOT_FOUND', refused);
    assert.equal(await store.exists('key'), false);
  }),

  conformanceCase(
    'atomic-put/refuses-a-revision-from-before-delete-and-re-creation',
    async ({ open }) => {
      const [store, other] = [await open(), await open()];
      const old = await store.put('key', 'one');
      await other.delete('key');
      const recreated = await other.put('key', 'one');
      assert.notEqual(recreated.revision, old.revision);
      await expectError(store.atomicPut('key', 'two', old), 'KV_KEY_MODIFIED', refused);
      await expectError(store.atomicDelete('key', old), 'KV_KEY_MODIFIED', refused);
      assert.deepEqual(await store.get('key'), recreated);

      await other.deleteTree('');
      await other.atomicPut('key', 'one', null);
      await expectError(store.atomicPut('key', 'two', old), 'KV_KEY_MODIFIED', refused);
      await expectError(store.atomicPut('key', 'two', recreated), 'KV_KEY_MODIFIED', refused);
    },
    { needs: ['exact-compare-and-set'] },
  ),

  conformanceCase(
    'atomic-put/takes-the-revision-from-every-call-that-gives-one',
    async ({ open, observe, capabilities }) => {
      const [store, other] = [await open(), await open()];
      await store.put('dir/key', '0');
      const watched = observe(store.watch('dir/key'));
      const watchedTree = observe(store.watchTree('dir'));
      const sources: Record<string, () => Promise<KVPair | undefined>> = {
        put: () => store.put('dir/key', 'put'),
        get: () => store.get('dir/key'),
        getMany: async () => (await store.getMany(['dir/key']))[0],
        list: async () => (await store.list('dir'))[0],
        scan: async () => (await store.scan('dir').next()).value ?? undefined,
        update: () => store.update('dir/key', () => 'update'),
        watch: async () => {
          const { revision } = (await store.get('dir/key')) as KVPair;
          return watched.until((pair) => pair?.revision === revision);
        },
        watchTree: async () => {
          const { revision } = (await store.get('dir/key')) as KVPair;
          await watchedTree.until(({ changes }) =>
            changes.some((change) => change.type === 'put' && change.pair.revision === revision),
          );
          return watchedTree.last?.pairs.get('dir/key');
        },
      };
      if (capabilities.transaction) {
        sources['transaction'] = async () => {
          const result = await transact(store, [{ type: 'put', key: 'dir/key', value: 'transaction' }]);
          return result.committed ? result.pairs[0] : undefined;
        };
      }
      for (const [source, read] of Object.entries(sources)) {
        const pair = await read();
        assert(pair !== undefined, `${source} gave no pair`);
        const next = await other.atomicPut('dir/key', `after ${source}`, pair);
        assert.equal(textOf(await store.get('dir/key')), `after ${source}`);
        assert.notEqual(next.revision, pair.revision);
      }
    },
  ),

  conformanceCase('atomic-put/chains-on-what-it-returns', async ({ open }) => {
    const stores = [await open(), await open()] as const;
    let pair = await stores[0].atomicPut('key', '0', null);
    const revisions = new Set([pair.revision]);
    for (let i = 1; i <= 20; i++) {
      pair = await (stores[i % 2] as (typeof stores)[0]).atomicPut('key', String(i), pair);
      revisions.add(pair.revision);
    }
    assert.equal(revisions.size, 21, 'two states had the same revision');
    assert.deepEqual(await stores[0].get('key'), pair);
    await stores[1].atomicDelete('key', pair);
  }),

  conformanceCase('atomic-put/race-to-create-has-one-winner', async ({ open }) => {
    const stores = await Promise.all(Array.from({ length: 6 }, () => open()));
    for (let round = 0; round < 5; round++) {
      const key = `race/${round}`;
      const results = await Promise.allSettled(stores.map((store, i) => store.atomicPut(key, `from ${i}`, null)));
      const winners = winnersOf(results);
      assert.equal(winners.length, 1);
      assert.deepEqual(codesOf(results), Array(5).fill('KV_KEY_EXISTS'));
      assert.deepEqual(await stores[0]?.get(key), winners[0]);
    }
  }),

  conformanceCase('atomic-put/race-to-replace-has-one-winner', async ({ open }) => {
    const stores = await Promise.all(Array.from({ length: 6 }, () => open()));
    let pair = (await stores[0]?.put('race', 'start')) as KVPair;
    for (let round = 0; round < 5; round++) {
      const results = await Promise.allSettled(
        stores.map((store, i) => store.atomicPut('race', `round ${round} from ${i}`, pair)),
      );
      const winners = winnersOf(results);
      assert.equal(winners.length, 1);
      assert.deepEqual(codesOf(results), Array(5).fill('KV_KEY_MODIFIED'));
      pair = winners[0] as KVPair;
      assert.deepEqual(await stores[5]?.get('race'), pair);
    }
  }),

  conformanceCase('atomic-delete/removes-the-pair-it-knows', async ({ open }) => {
    const [store, other] = [await open(), await open()];
    const pair = await store.put('a', 'value');
    await store.put('a/b', 'child');
    assert.equal(await other.atomicDelete('a', pair), undefined);
    assert.equal(await store.exists('a'), false);
    assert.deepEqual(await store.list('', { keysOnly: true }), ['a/b']);
  }),

  conformanceCase('atomic-delete/tells-a-changed-key-from-an-absent-one', async ({ open }) => {
    const [store, other] = [await open(), await open()];
    const stale = await store.put('key', 'one');
    const current = await other.put('key', 'two');
    const error = await expectError(store.atomicDelete('key', stale), 'KV_KEY_MODIFIED', refused);
    assert.equal(error.operation, 'atomicDelete');
    assert.equal(error.key, 'key');
    assert.deepEqual(await store.get('key'), current);
    await store.atomicDelete('key', current);
    await expectError(store.atomicDelete('key', current), 'KV_KEY_NOT_FOUND', {
      ...refused,
      operation: 'atomicDelete',
    });
    await store.put('key/child', '');
    await expectError(store.atomicDelete('key', current), 'KV_KEY_NOT_FOUND', refused);
    assert.equal(await store.exists('key/child'), true);
  }),

  conformanceCase('atomic-delete/race-has-one-winner', async ({ open }) => {
    const stores = await Promise.all(Array.from({ length: 5 }, () => open()));
    for (let round = 0; round < 5; round++) {
      const pair = (await stores[0]?.put('race', String(round))) as KVPair;
      const results = await Promise.allSettled(stores.map((store) => store.atomicDelete('race', pair)));
      assert.equal(winnersOf(results).length, 1);
      assert.deepEqual(codesOf(results), Array(4).fill('KV_KEY_NOT_FOUND'));
    }
  }),
];
