import assert from 'node:assert/strict';
import { once } from 'node:events';
import { conformanceCase } from '../case.ts';
import { goneWithin, keptTtl, shortTtl } from '../durations.ts';
import { treeSteps } from '../watch-steps.ts';

export const session = [
  conformanceCase('session/close-removes-its-keys-at-once', async ({ open }) => {
    const [owner, other] = [await open(), await open()];
    const session = await owner.session();
    for (const key of ['mine', 'mine/too', 'dir/deep/mine']) await owner.put(key, '', { session });
    await owner.put('permanent', '');
    await owner.put('dir/permanent', '');
    assert.equal((await other.list('')).length, 5);
    await session.close();
    assert.deepEqual(await other.list('', { keysOnly: true }), ['dir/permanent', 'permanent']);
  }),

  conformanceCase('session/its-keys-are-pairs-like-others', async ({ open }) => {
    const [owner, other] = [await open(), await open()];
    const session = await owner.session();
    const written = await owner.put('key', 'value', { session });
    assert.deepEqual(await other.get('key'), written);
    const changed = await other.atomicPut('key', 'by another client', written);
    assert.equal(changed.createRevision, written.createRevision);
    await other.atomicDelete('key', changed);
    assert.equal(await owner.exists('key'), false);
    await session.close();
  }),

  conformanceCase('session/watchers-see-its-keys-go', async ({ open, observe }) => {
    const [owner, other] = [await open(), await open()];
    const session = await owner.session();
    await owner.put('members/one', '1', { session });
    await owner.put('members/two', '2', { session });
    const watched = observe(treeSteps(other.watchTree('members')));
    await watched.until(({ pairs }) => pairs.size === 2);
    await session.close();
    await watched.until(({ pairs }) => pairs.size === 0);
  }),

  conformanceCase('session/close-is-idempotent', async ({ open }) => {
    const store = await open();
    const session = await store.session();
    await store.put('key', '', { session });
    await Promise.all([session.close(), session.close()]);
    await session.close();
    await session[Symbol.asyncDispose]();
    assert.equal(await store.exists('key'), false);
    assert.equal(session.lost.aborted, false, 'closing a session is not losing it');
  }),

  conformanceCase(
    'session/is-kept-far-beyond-its-ttl',
    async ({ open, capabilities, eventually }) => {
      const [owner, other] = [await open(), await open()];
      const session = await owner.session({ ttl: keptTtl(capabilities.session) });
      await owner.put('key', '', { session });
      const end = performance.now() + session.ttl * capabilities.session.latestFactor + session.ttl;
      await eventually(async () => {
        // Not kept: there is nothing more to wait for.
        if (session.lost.aborted || !(await other.exists('key'))) return;
        assert(performance.now() > end, 'not long enough yet');
      }, goneWithin(session.ttl, capabilities) + session.ttl);
      assert.equal(session.lost.aborted, false);
      assert.equal(await other.exists('key'), true);
      await session.close();
    },
    { timeout: 60_000 },
  ),

  conformanceCase('session/rounds-up-a-ttl', async ({ open, capabilities }) => {
    const store = await open();
    const { minMs, maxMs } = capabilities.session;
    for (const ttl of [1, minMs, Math.min(maxMs, minMs * 1.5 + 0.5), undefined]) {
      const session = await store.session({ ttl });
      assert(session.ttl >= Math.max(minMs, Math.min(maxMs, ttl ?? 15_000)), `${session.ttl} for ${ttl}`);
      await session.close();
    }
  }),

  conformanceCase('session/takes-the-longest-ttl-and-refuses-a-longer-one', async ({ open, capabilities }) => {
    const store = await open();
    const { maxMs } = capabilities.session;
    const session = await store.session({ ttl: maxMs });
    await store.put('key', '', { session });
    assert(session.ttl >= maxMs);
    await session.close();
    assert.equal(await store.exists('key'), false);
    await assert.rejects(store.session({ ttl: maxMs + 1 }), { code: 'KV_INVALID_ARGUMENT', operation: 'session' });
  }),

  conformanceCase('session/refuses-a-ttl-that-is-none', async ({ open }) => {
    const store = await open();
    for (const ttl of [0, -1, Number.NaN, Number.POSITIVE_INFINITY]) {
      await assert.rejects(store.session({ ttl }), { code: 'KV_INVALID_ARGUMENT', operation: 'session' });
    }
  }),

  conformanceCase('session/several-of-one-store-are-independent', async ({ open }) => {
    const [owner, other] = [await open(), await open()];
    const sessions = await Promise.all(Array.from({ length: 5 }, () => owner.session()));
    assert.equal(new Set(sessions.map(({ id }) => id)).size, 5);
    await Promise.all(sessions.map((session, i) => owner.put(`key/${i}`, '', { session })));
    await sessions[2]?.close();
    assert.deepEqual(await other.list('key', { keysOnly: true }), ['key/0', 'key/1', 'key/3', 'key/4']);
    await Promise.all(sessions.map((session) => session.close()));
    assert.deepEqual(await other.list('key', { keysOnly: true }), []);
  }),

  conformanceCase('session/works-in-every-view-of-its-store', async ({ open }) => {
    const [owner, other] = [await open(), await open()];
    const session = await owner.namespace('one').session();
    await owner.namespace('other').put('key', '', { session });
    assert.equal(await other.exists('other/key'), true);
    await session.close();
    assert.equal(await other.exists('other/key'), false);
  }),

  conformanceCase('session/ends-with-its-store', async ({ open }) => {
    const [owner, other] = [await open(), await open()];
    const session = await owner.session();
    await owner.put('key', '', { session });
    const closing = owner.close();
    await once(session.lost, 'abort');
    assert.equal(session.lost.reason.code, 'KV_CLOSED');
    await closing;
    assert.equal(await other.exists('key'), false);
    await session.close();
    await assert.rejects(owner.session(), { code: 'KV_CLOSED' });
  }),

  conformanceCase('session/an-abort-while-it-opens-rejects-with-the-reason', async ({ open }) => {
    const store = await open();
    const reason = new Error('changed my mind');
    await assert.rejects(store.session({ signal: AbortSignal.abort(reason) }), reason);
    for (let i = 0; i < 10; i++) {
      const abort = new AbortController();
      const opening = store.session({ signal: abort.signal });
      const settled = opening.then(
        (session) => session.close(),
        (error) => assert.equal(error, reason),
      );
      for (let turn = 0; turn < i; turn++) await null;
      abort.abort(reason);
      await settled;
    }
  }),

  conformanceCase('session/its-signal-does-not-end-it-once-it-is-open', async ({ open }) => {
    const store = await open();
    const abort = new AbortController();
    const session = await store.session({ signal: abort.signal });
    abort.abort();
    await store.put('key', '', { session });
    assert.equal(session.lost.aborted, false);
    await session.close();
  }),

  conformanceCase(
    'session/ended-by-force-is-lost-and-its-keys-are-gone',
    async ({ open, observe, faults, eventually, capabilities }) => {
      const [owner, other] = [await open(), await open()];
      const session = await owner.session({ ttl: shortTtl(capabilities.session) });
      await owner.put('members/key', '', { session });
      const watched = observe(treeSteps(other.watchTree('members')));
      await watched.count(1);
      await faults.expireSession(session.id);
      await watched.until(({ pairs }) => pairs.size === 0);
      // A server that hangs up in the moment in which it ends the session may leave the first write without an answer.
      await assert.rejects(owner.put('late', '', { session }), ({ code, outcome }) =>
        code === 'KV_UNAVAILABLE' ? outcome === 'unknown' : code === 'KV_SESSION_LOST' && outcome === 'not-applied',
      );
      await eventually(() => assert(session.lost.aborted), goneWithin(session.ttl, capabilities));
      assert.equal(session.lost.reason.code, 'KV_SESSION_LOST');
      await assert.rejects(owner.put('late', '', { session }), { code: 'KV_SESSION_LOST', outcome: 'not-applied' });
      assert.equal(await other.exists('late'), false);
      await session.close();
    },
    { faults: ['expireSession'], timeout: 60_000 },
  ),
];
