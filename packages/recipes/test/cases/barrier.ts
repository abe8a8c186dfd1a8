import assert from 'node:assert/strict';
import { conformanceCase, quiet, shortTtl, stillPending } from '@kv/core/conformance';
import { Barrier } from '@kv/recipes/barrier';
import { untilPlaces } from './places.ts';

export const barrier = [
  conformanceCase('barrier/is-passed-and-left-together', async (context) => {
    const { open } = context;
    const store = await open();
    const barriers = [store, await open(), await open()].map((it) => new Barrier(it, 'phase', 3));
    for (let round = 0; round < 2; round++) {
      const entering = barriers.slice(0, 2).map((it) => quiet(it.enter()));
      await untilPlaces(context, store, 'phase', 2);
      assert.equal(await stillPending(Promise.race(entering), 100), true, 'passed with one missing');
      const passages = await Promise.all([...entering, barriers[2]?.enter()]);
      const leaving = passages.slice(0, 2).map((passage) => quiet(passage?.leave() as Promise<void>));
      await untilPlaces(context, store, 'phase', 1);
      assert.equal(await stillPending(Promise.race(leaving), 100), true, 'left with one still there');
      await Promise.all([...leaving, passages[2]?.leave()]);
      assert.deepEqual(await store.list('phase', { keysOnly: true }), []);
    }
  }),

  conformanceCase('barrier/who-has-gone-does-not-count', async (context) => {
    const { open } = context;
    const [one, other, third] = [await open(), await open(), await open()];
    const abort = new AbortController();
    const gone = quiet(new Barrier(one, 'phase', 2).enter({ signal: abort.signal }));
    await untilPlaces(context, one, 'phase', 1);
    abort.abort();
    await assert.rejects(gone, { name: 'AbortError' });
    await untilPlaces(context, one, 'phase', 0);
    const waiting = quiet(new Barrier(other, 'phase', 2).enter());
    await untilPlaces(context, one, 'phase', 1);
    assert.equal(await stillPending(waiting, 100), true);
    const passages = await Promise.all([waiting, new Barrier(third, 'phase', 2).enter()]);
    await Promise.all(passages.map((passage) => passage.leave()));
  }),

  conformanceCase('barrier/who-comes-late-follows-those-who-have-passed', async ({ open }) => {
    const [one, other] = [await open(), await open()];
    // As one party is seen that has passed, while another one that it has seen has died meanwhile.
    const session = await one.session();
    await one.put('phase/somebody', 'passed', { session });
    const passage = await new Barrier(other, 'phase', 3).enter();
    const leaving = quiet(passage.leave());
    assert.equal(await stillPending(leaving, 50), true);
    await session.close();
    await leaving;
  }),

  conformanceCase('barrier/is-left-though-others-are-there-for-the-next-time', async (context) => {
    const { open } = context;
    const [one, other] = [await open(), await open()];
    const [first, second] = await Promise.all([
      new Barrier(one, 'phase', 2).enter(),
      new Barrier(other, 'phase', 2).enter(),
    ]);
    const leaving = quiet(first.leave());
    await untilPlaces(context, one, 'phase', 1);
    // As one that was faster to learn that all have left, and is back already.
    const session = await one.session();
    await one.put('phase/back', 'arrived', { session });
    assert.equal(await stillPending(leaving, 50), true);
    const reason = new Error('no time');
    await assert.rejects(second.leave({ signal: AbortSignal.abort(reason) }), reason);
    await leaving;
    await session.close();
  }),

  conformanceCase(
    'barrier/is-left-through-an-outage',
    async ({ open, connect, capabilities }) => {
      const ttl = shortTtl(capabilities.session);
      const [{ store: one, faults }, other] = [await connect({ timeout: 2_000 }), await open()];
      const [first, second] = await Promise.all([
        new Barrier(one, 'phase', 2).enter({ ttl }),
        new Barrier(other, 'phase', 2).enter(),
      ]);
      const heal = await faults.partition('silent');
      const abort = new AbortController();
      const impatient = quiet(first.leave({ signal: abort.signal }));
      const leaving = quiet(first.leave());
      abort.abort();
      assert.equal(await stillPending(impatient, 500), false, 'an abort waits for the server');
      await assert.rejects(impatient, { name: 'AbortError' });
      // Sent later: by then, it is known that the server could not be told.
      await assert.rejects(one.put('other', ''), { code: 'KV_TIMEOUT' });
      await second.leave();
      await heal();
      await leaving;
    },
    { faults: ['partition'], timeout: 90_000 },
  ),

  conformanceCase('barrier/ends-with-the-store', async (context) => {
    const store = await context.open();
    const waiting = assert.rejects(new Barrier(store, 'phase', 2).enter(), { code: 'KV_CLOSED' });
    await untilPlaces(context, store, 'phase', 1);
    await store.close();
    await waiting;
    for (const parties of [0, 1.5]) {
      assert.throws(() => new Barrier(store, 'phase', parties), { code: 'KV_INVALID_ARGUMENT' });
    }
  }),
];
