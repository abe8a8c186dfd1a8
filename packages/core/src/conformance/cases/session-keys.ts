import assert from 'node:assert/strict';
import type { KVPair } from '../../pair.ts';
import { textOf } from '../bytes.ts';
import { conformanceCase } from '../case.ts';
import { shortTtl } from '../durations.ts';

/** What binds a key to a session, and what frees it. */
export const sessionKeys = [
  conformanceCase('session/put-without-it-makes-its-key-permanent', async ({ open, observe }) => {
    const [owner, other] = [await open(), await open()];
    const watched = observe((await open()).watchTree(''));
    const session = await owner.session();
    const keys = ['compared', 'others', 'own', 'updated'];
    const bound: KVPair[] = [];
    for (const key of keys) bound.push(await owner.put(key, 'bound', { session }));
    await watched.until(({ pairs }) => pairs.size === keys.length);
    await owner.put('own', 'permanent');
    await other.put('others', 'permanent');
    await other.atomicPut('compared', 'permanent', bound[0] as KVPair);
    await owner.update('updated', () => 'permanent');
    await session.close();
    const left = await other.list('');
    assert.deepEqual(
      left.map((pair) => [pair.key, textOf(pair), pair.createRevision]),
      bound.map(({ key, createRevision }) => [key, 'permanent', createRevision]),
    );
  }),

  conformanceCase('session/binds-a-key-that-was-permanent', async ({ open }) => {
    const [owner, other] = [await open(), await open()];
    const permanent = await other.put('key', 'permanent');
    await other.put('compared', 'permanent');
    await other.put('key/child', 'permanent');
    const session = await owner.session();
    const bound = await owner.put('key', 'bound', { session });
    assert.equal(bound.createRevision, permanent.createRevision);
    await owner.update('compared', () => 'bound', { session });
    await session.close();
    assert.deepEqual(await other.list('', { keysOnly: true }), ['key/child']);
  }),

  conformanceCase('session/a-key-moves-to-the-session-that-wrote-it-last', async ({ open }) => {
    const [owner, other, third] = [await open(), await open(), await open()];
    const [first, second] = [await owner.session(), await other.session()];
    await owner.put('key', '1', { session: first });
    await other.put('key', '2', { session: second });
    await first.close();
    assert.equal(await third.exists('key'), true);
    await second.close();
    assert.equal(await third.exists('key'), false);
  }),

  conformanceCase('session/a-key-moves-between-sessions-of-one-store', async ({ open }) => {
    const [owner, other] = [await open(), await open()];
    const [first, second] = [await owner.session(), await owner.session()];
    const written = await owner.atomicPut('key', '1', null, { session: first });
    await owner.atomicPut('key', '2', written, { session: second });
    await first.close();
    assert.equal(await other.exists('key'), true);
    await second.close();
    assert.equal(await other.exists('key'), false);
  }),

  conformanceCase('session/a-key-that-is-written-again-stays-bound', async ({ open }) => {
    const [owner, other] = [await open(), await open()];
    const session = await owner.session();
    const first = await owner.put('key', '1', { session });
    const second = await owner.put('key', '2', { session });
    assert.notEqual(second.revision, first.revision);
    assert.equal(second.createRevision, first.createRevision);
    assert.deepEqual(await other.get('key'), second);
    await session.close();
    assert.equal(await other.exists('key'), false);
  }),

  conformanceCase('session/a-key-re-created-by-others-is-not-its-own', async ({ open }) => {
    const [owner, other] = [await open(), await open()];
    const session = await owner.session();
    await owner.put('key', 'bound', { session });
    await other.delete('key');
    const permanent = await other.put('key', 'of another client');
    await session.close();
    assert.deepEqual(await other.get('key'), permanent);
  }),

  conformanceCase(
    'session/a-key-with-a-ttl-outlives-it-once-it-is-bound',
    async ({ open, capabilities, eventually }) => {
      const [owner, other] = [await open(), await open()];
      assert(capabilities.ttl);
      const session = await owner.session();
      const { ttl = 0 } = await owner.put('key', '', { ttl: shortTtl(capabilities.ttl) });
      await owner.put('witness', '', { ttl });
      await owner.put('key', '', { session });
      const within = ttl * capabilities.ttl.latestFactor + 5_000;
      await eventually(async () => assert.equal(await other.exists('witness'), false), within);
      assert.equal(await other.exists('key'), true);
      await session.close();
      assert.equal(await other.exists('key'), false);
    },
    { needs: ['ttl'], timeout: 60_000 },
  ),

  conformanceCase(
    'session/a-transaction-binds-keys',
    async ({ open }) => {
      const [owner, other] = [await open(), await open()];
      await other.put('replaced', '');
      const session = await owner.session();
      await owner.put('freed', '', { session });
      const { committed } = await owner.transaction({
        then: [
          { type: 'put', key: 'created', value: '', session },
          { type: 'put', key: 'replaced', value: '', session },
          { type: 'put', key: 'freed', value: '' },
        ],
      });
      assert.equal(committed, true);
      assert.deepEqual(await other.list('', { keysOnly: true }), ['created', 'freed', 'replaced']);
      await session.close();
      assert.deepEqual(await other.list('', { keysOnly: true }), ['freed']);
    },
    { needs: ['transaction'] },
  ),

  conformanceCase('session/a-closed-one-is-refused', async ({ open, capabilities }) => {
    const store = await open();
    const session = await store.session();
    const previous = await store.put('key', 'permanent');
    await session.close();
    const refusal = { code: 'KV_SESSION_LOST', outcome: 'not-applied' };
    await assert.rejects(store.put('key', 'late', { session }), { ...refusal, operation: 'put', key: 'key' });
    await assert.rejects(store.atomicPut('key', 'late', previous, { session }), refusal);
    await assert.rejects(
      store.update('key', () => 'late', { session }),
      refusal,
    );
    if (capabilities.transaction) {
      const then = [{ type: 'put', key: 'key', value: 'late', session }] as const;
      await assert.rejects(store.transaction({ then }), refusal);
    }
    assert.deepEqual(await store.get('key'), previous);
  }),

  conformanceCase('session/one-of-another-store-is-refused', async ({ open }) => {
    const [store, other] = [await open(), await open()];
    const session = await other.session();
    const refusal = { code: 'KV_INVALID_ARGUMENT', outcome: 'not-applied' };
    await assert.rejects(store.put('key', '', { session }), { ...refusal, operation: 'put', key: 'key' });
    await assert.rejects(store.atomicPut('key', '', null, { session }), refusal);
    const imitation = { id: session.id, ttl: session.ttl, lost: session.lost } as typeof session;
    await assert.rejects(other.put('key', '', { session: imitation }), refusal);
    assert.equal(await other.exists('key'), false);
    await session.close();
  }),

  conformanceCase('session/and-ttl-exclude-each-other', async ({ open }) => {
    const store = await open();
    const session = await store.session();
    await assert.rejects(store.put('key', '', { session, ttl: 20_000 }), { code: 'KV_INVALID_ARGUMENT' });
    assert.equal(await store.exists('key'), false);
    await session.close();
  }),
];
