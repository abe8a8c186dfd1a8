import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import type { Store } from '@kv/core';
import { conformanceCase, goneWithin, quiet, shortTtl, stillPending } from '@kv/core/conformance';
import { type Permit, Semaphore } from '@kv/recipes/semaphore';
import { changeViews } from './changed-views.ts';
import { untilPlaces } from './places.ts';

/** Has what a recipe lists on this store wait for `gate`. @returns Resolves once something has been listed. */
function listsOf(store: Store, gate?: Promise<void>): Promise<void> {
  const listed = Promise.withResolvers<void>();
  changeViews(store, (view) => {
    const list = view.list.bind(view);
    view.list = (async (directory: string) => {
      await gate;
      const pairs = await list(directory);
      listed.resolve();
      return pairs;
    }) as typeof view.list;
  });
  return listed.promise;
}

export const semaphore = [
  conformanceCase('semaphore/has-so-many-holders', async (context) => {
    const { open } = context;
    const [store, ...others] = [await open(), await open(), await open()];
    const one = new Semaphore(store, 'pool', 2);
    const [two, three] = others.map((other) => new Semaphore(other, 'pool', 2)) as [Semaphore, Semaphore];
    const held = [await one.acquire(), await two.acquire()];
    const waiting = quiet(three.acquire());
    await untilPlaces(context, store, 'pool', 3);
    assert.equal(await stillPending(waiting, 100), true);
    assert.equal(await one.tryAcquire(), undefined);
    await held[1]?.release();
    const third = await waiting;
    assert(third.token > (held[1] as Permit).token);
    assert.equal(await two.tryAcquire(), undefined);
    await held[0]?.release();
    const fourth = await two.tryAcquire();
    assert(fourth !== undefined && fourth.token > third.token);
    await Promise.all([third.release(), fourth.release()]);
    assert.deepEqual(await store.list('pool', { keysOnly: true }), []);
  }),

  conformanceCase('semaphore/is-first-come-first-served', async (context) => {
    const { open } = context;
    const [one, other] = [await open(), await open()];
    const pool = (store: typeof one) => new Semaphore(store, 'pool', 2);
    const held = [await pool(one).acquire(), await pool(one).acquire()];
    const order: number[] = [];
    const waiting: Promise<Permit>[] = [];
    for (let i = 0; i < 5; i++) {
      const got = pool(i % 2 === 0 ? one : other).acquire();
      waiting.push(
        got.then((permit) => {
          order.push(i);
          return permit;
        }),
      );
      await untilPlaces(context, one, 'pool', i + 3);
    }
    await held[0]?.release();
    for (const next of waiting) await (await next).release();
    assert.deepEqual(order, [0, 1, 2, 3, 4]);
    await held[1]?.release();
  }),

  conformanceCase('semaphore/each-release-lets-one-more-in', async (context) => {
    const { open } = context;
    const [one, other] = [await open(), await open()];
    const held = [await new Semaphore(one, 'pool', 2).acquire(), await new Semaphore(one, 'pool', 2).acquire()];
    const waiting: Promise<Permit>[] = [];
    for (let i = 0; i < 3; i++) {
      waiting.push(quiet(new Semaphore(other, 'pool', 2).acquire()));
      await untilPlaces(context, one, 'pool', i + 3);
    }
    await Promise.all(held.map((permit) => permit.release()));
    // Both at a time: neither waits for the other to release.
    const next = await Promise.all(waiting.slice(0, 2));
    assert.equal(await stillPending(waiting[2] as Promise<Permit>, 50), true);
    await next[1]?.release();
    const last = await waiting[2];
    assert.equal(next[0]?.lost.aborted, false);
    await Promise.all([next[0]?.release(), last?.release()]);
  }),

  conformanceCase('semaphore/who-looks-late-keeps-nobody-waiting', async (context) => {
    const { open } = context;
    const [one, late, other] = [await open(), await open(), await open()];
    const held = [await new Semaphore(one, 'pool', 2).acquire(), await new Semaphore(one, 'pool', 2).acquire()];
    const gate = Promise.withResolvers<void>();
    void listsOf(late, gate.promise);
    const first = quiet(new Semaphore(late, 'pool', 2).acquire());
    await untilPlaces(context, one, 'pool', 3);
    const looked = listsOf(other);
    const second = quiet(new Semaphore(other, 'pool', 2).acquire());
    await looked;
    // The first of those who wait for a permit never learns that it had to.
    await held[0]?.release();
    gate.resolve();
    const permit = await first;
    await held[1]?.release();
    await (await second).release();
    await permit.release();
  }),

  conformanceCase('semaphore/who-gives-up-is-not-in-the-way', async (context) => {
    const store = await context.open();
    const pool = new Semaphore(store, 'pool', 1);
    const held = await pool.acquire();
    const aborts = [new AbortController(), new AbortController()];
    const gaveUp = aborts.map(({ signal }) => quiet(pool.acquire({ signal })));
    await untilPlaces(context, store, 'pool', 3);
    const last = quiet(pool.acquire());
    await untilPlaces(context, store, 'pool', 4);
    for (const abort of aborts) abort.abort();
    for (const waiting of gaveUp) await assert.rejects(waiting, { name: 'AbortError' });
    assert.equal(await stillPending(last, 50), true);
    await held.release();
    await (await last).release();
    await untilPlaces(context, store, 'pool', 0);
  }),

  conformanceCase('semaphore/never-has-one-holder-too-many', async ({ open, random }) => {
    const permits = 2;
    const holders = new Set<Permit>();
    let count = 0;
    const work = async () => {
      const pool = new Semaphore(await open(), 'pool', permits);
      for (let round = 0; round < 6; round++) {
        const permit = await pool.acquire();
        holders.add(permit);
        assert(holders.size <= permits, `${holders.size} hold ${permits} permits`);
        await delay(10 * random());
        assert.equal(permit.lost.aborted, false);
        holders.delete(permit);
        await permit.release();
        count++;
      }
    };
    await Promise.all(Array.from({ length: 5 }, work));
    assert.equal(count, 30);
  }),

  conformanceCase('semaphore/a-permit-is-lost-when-its-key-is-removed', async (context) => {
    const { open } = context;
    const [one, other] = [await open(), await open()];
    const held = await new Semaphore(one, 'pool', 1).acquire();
    const waiting = quiet(new Semaphore(other, 'pool', 1).acquire());
    await untilPlaces(context, one, 'pool', 2);
    assert.equal(await other.delete(held.condition.key), true);
    await context.eventually(() => assert(held.lost.aborted));
    assert.equal(held.lost.reason.code, 'KV_SESSION_LOST');
    await (await waiting).release();
    await held.release();
  }),

  conformanceCase('semaphore/a-waiter-whose-key-is-removed-is-told', async ({ open, eventually }) => {
    const store = await open();
    const pool = new Semaphore(store, 'pool', 1);
    const held = await pool.acquire();
    const waiting = quiet(pool.acquire());
    const keys = await eventually(async () => {
      const found = await store.list('pool', { keysOnly: true });
      assert.equal(found.length, 2);
      return found;
    });
    await store.delete(keys.find((key) => key !== held.condition.key) as string);
    await assert.rejects(waiting, { code: 'KV_SESSION_LOST' });
    await held.release();
  }),

  conformanceCase('semaphore/ends-with-the-store', async (context) => {
    const { open } = context;
    const [one, other] = [await open(), await open()];
    const held = await new Semaphore(one, 'pool', 1).acquire();
    const waiting = quiet(new Semaphore(other, 'pool', 1).acquire());
    await untilPlaces(context, other, 'pool', 2);
    const closing = one.close();
    const next = await waiting;
    assert.equal(held.lost.aborted, true, 'one holder too many');
    await closing;
    await next.release();
  }),

  conformanceCase(
    'semaphore/who-is-cut-off-knows-before-its-permit-is-given-away',
    async (context) => {
      const { open, connect, capabilities } = context;
      const ttl = shortTtl(capabilities.session);
      const [{ store: one, faults }, other] = [await connect(), await open()];
      const held = await new Semaphore(one, 'pool', 1).acquire({ ttl });
      const waiting = quiet(new Semaphore(other, 'pool', 1).acquire());
      await untilPlaces(context, other, 'pool', 2);
      const start = performance.now();
      await faults.partition('refuse');
      const next = await waiting;
      assert.equal(held.lost.aborted, true, 'one holder too many');
      assert(performance.now() - start <= goneWithin(ttl, capabilities), 'it took too long');
      await next.release();
    },
    { faults: ['partition'], timeout: 90_000 },
  ),

  conformanceCase('semaphore/refuses-what-is-no-number-of-permits', async ({ open }) => {
    const store = await open();
    for (const permits of [0, -1, 1.5, Number.NaN]) {
      assert.throws(() => new Semaphore(store, 'pool', permits), { code: 'KV_INVALID_ARGUMENT' });
    }
  }),
];
