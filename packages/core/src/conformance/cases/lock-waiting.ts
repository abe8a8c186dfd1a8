import assert from 'node:assert/strict';
import type { Lock } from '../../lock/lock.ts';
import type { Store } from '../../store.ts';
import { type CaseContext, conformanceCase } from '../case.ts';
import { quiet, stillPending } from '../pending.ts';

export const lockWaiting = [
  conformanceCase('lock/wait-is-bounded-by-wait', async ({ open }) => {
    const [one, other, third] = [await open(), await open(), await open()];
    const held = await one.lock('key');
    const start = performance.now();
    await assert.rejects(other.lock('key', { wait: 150 }), {
      code: 'KV_TIMEOUT',
      operation: 'lock',
      key: 'key',
      outcome: 'not-applied',
    });
    assert(performance.now() - start >= 149, 'it gave up too early');
    const waiting = quiet(third.lock('key', { wait: 20_000 }));
    assert.equal(await stillPending(waiting, 50), true);
    await held.release();
    await (await waiting).release();
  }),

  conformanceCase('lock/wait-does-not-bound-the-hold', async ({ open }) => {
    const [one, other] = [await open(), await open()];
    const held = await one.lock('key', { wait: 5_000 });
    assert.equal(await stillPending(quiet(other.lock('key', { wait: 1_000 })), 300), true);
    assert.equal(held.lost.aborted, false);
    await held.release();
  }),

  conformanceCase('lock/an-aborted-wait-leaves-nothing', async ({ open, eventually, capabilities }) => {
    const [one, other, third] = [await open(), await open(), await open()];
    const held = await one.lock('key');
    const before = await one.list('', { keysOnly: true });
    const abort = new AbortController();
    const reason = new Error('changed my mind');
    // So long that what is left does not go by itself before the case is over.
    const ttl = Math.min(60_000, capabilities.session.maxMs);
    const aborted = quiet(other.lock('key', { ttl, signal: abort.signal }));
    assert.equal(await stillPending(aborted, 100), true);
    const waiting = quiet(third.lock('key', { wait: 10_000 }));
    assert.equal(await stillPending(waiting, 50), true);
    abort.abort(reason);
    await assert.rejects(aborted, reason);
    await held.release();
    const next = await waiting;
    await eventually(async () => assert.equal((await one.list('', { keysOnly: true })).length, before.length));
    await next.release();
    await assert.rejects(other.lock('key', { signal: abort.signal }), reason);
    await assert.rejects(other.tryLock('key', { signal: abort.signal }), reason);
    assert.equal(await one.lockHolder('key'), undefined);
  }),

  conformanceCase('lock/an-abort-that-races-with-the-grant-blocks-nobody', async ({ open, random }) => {
    const [one, other] = [await open(), await open()];
    for (let i = 0; i < 12; i++) {
      const held = await one.lock('key', { wait: 10_000 });
      const abort = new AbortController();
      const racing = quiet(other.lock('key', { signal: abort.signal }));
      if (random() < 0.7) await stillPending(racing, random() * 20);
      const release = held.release();
      if (random() < 0.7) await stillPending(racing, random() * 4);
      abort.abort();
      const [got] = await Promise.allSettled([racing, release]);
      if (got.status === 'fulfilled') await got.value.release();
      else assert.equal(got.reason, abort.signal.reason);
    }
    await (await one.lock('key', { wait: 10_000 })).release();
  }),

  conformanceCase('lock/its-signal-does-not-end-it-once-it-is-held', async ({ open }) => {
    const [one, other] = [await open(), await open()];
    const abort = new AbortController();
    const held = await one.lock('key', { signal: abort.signal });
    abort.abort();
    assert.equal(await stillPending(quiet(other.lock('key', { wait: 5_000 })), 100), true);
    assert.equal(held.lost.aborted, false);
    await held.release();
  }),

  conformanceCase('lock/ends-with-the-store-of-its-holder', async ({ open }) => {
    const [one, other] = [await open(), await open()];
    const held = await one.lock('key');
    const waiting = quiet(other.lock('key', { wait: 20_000 }));
    assert.equal(await stillPending(waiting, 50), true);
    const closing = one.close();
    const next = await waiting;
    assert.equal(held.lost.aborted, true, 'another client holds the lock before its holder knows that it has lost it');
    assert.equal(held.lost.reason.code, 'KV_CLOSED');
    await closing;
    await held.release();
    assert.equal(next.lost.aborted, false);
    await next.release();
  }),

  conformanceCase('lock/close-ends-a-wait', async ({ open }) => {
    const [one, other, third] = [await open(), await open(), await open()];
    const held = await one.lock('key');
    const closed = quiet(other.lock('key'));
    assert.equal(await stillPending(closed, 100), true);
    const waiting = quiet(third.lock('key', { wait: 20_000 }));
    assert.equal(await stillPending(waiting, 50), true);
    await other.close();
    await assert.rejects(closed, { code: 'KV_CLOSED' });
    await held.release();
    await (await waiting).release();
    await assert.rejects(other.lock('key'), { code: 'KV_CLOSED' });
    await assert.rejects(other.tryLock('key'), { code: 'KV_CLOSED' });
    await assert.rejects(other.lockHolder('key'), { code: 'KV_CLOSED' });
  }),

  conformanceCase(
    'lock/is-first-come-first-served',
    async (context) => {
      const [holder, ...waiters] = [
        await context.open(),
        await context.open(),
        await context.open(),
        await context.open(),
      ];
      for (let round = 0; round < 2; round++) {
        const held = await holder.lock('key');
        const served: number[] = [];
        const done: Promise<void>[] = [];
        for (const [i, waiter] of waiters.entries()) {
          const waiting = quiet(waiter.lock('key'));
          const use = async (lock: Lock) => {
            served.push(i);
            await lock.release();
          };
          done.push(waiting.then(use));
          await queued(context, holder, i + 2, waiting);
        }
        await held.release();
        await Promise.all(done);
        assert.deepEqual(served, [0, 1, 2]);
      }
    },
    { needs: ['fair-lock'] },
  ),

  conformanceCase(
    'lock/an-abort-in-the-middle-of-the-queue-keeps-its-order',
    async (context) => {
      const [holder, ...waiters] = [
        await context.open(),
        await context.open(),
        await context.open(),
        await context.open(),
      ];
      const held = await holder.lock('key');
      const abort = new AbortController();
      const served: number[] = [];
      const done: Promise<unknown>[] = [];
      for (const [i, waiter] of waiters.entries()) {
        const waiting = quiet(waiter.lock('key', i === 1 ? { signal: abort.signal } : {}));
        const use = async (lock: Lock) => {
          served.push(i);
          await lock.release();
        };
        if (i !== 1) done.push(waiting.then(use));
        await queued(context, holder, i + 2, waiting);
      }
      abort.abort();
      // The one behind the gap must not take it for its turn.
      assert.equal(await stillPending(Promise.any(done), 200), true);
      assert.equal((await holder.lockHolder('key'))?.token, held.token);
      await held.release();
      await Promise.all(done);
      assert.deepEqual(served, [0, 2]);
    },
    { needs: ['fair-lock'] },
  ),
];

/**
 * Resolves when `count` clients hold the lock or wait for it: when that many entries show below its key, or, where the
 * backend keeps them elsewhere, after a time that is long for a request.
 */
async function queued({ eventually }: CaseContext, store: Store, count: number, waiting: Promise<Lock>): Promise<void> {
  const giveUp = performance.now() + 1_000;
  await eventually(async () => {
    const entries = await store.list('key', { keysOnly: true });
    assert(entries.length >= count || performance.now() > giveUp);
  });
  assert.equal(await stillPending(waiting, 0), true);
}
