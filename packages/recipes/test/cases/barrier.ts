import assert from 'node:assert/strict';
import { conformanceCase, quiet, stillPending } from '@kv/core/conformance';
import { Barrier } from '@kv/recipes/barrier';

export const barrier = [
  conformanceCase('barrier/is-passed-and-left-together', async ({ open }) => {
    const stores = [await open(), await open(), await open()];
    const barriers = stores.map((store) => new Barrier(store, 'phase', 3));
    for (let round = 0; round < 2; round++) {
      const entering = barriers.slice(0, 2).map((it) => quiet(it.enter()));
      assert.equal(await stillPending(Promise.race(entering), 100), true, 'passed with one missing');
      const passages = await Promise.all([...entering, barriers[2]?.enter()]);
      const leaving = passages.slice(0, 2).map((passage) => quiet(passage?.leave() as Promise<void>));
      assert.equal(await stillPending(Promise.race(leaving), 100), true, 'left with one still there');
      await Promise.all([...leaving, passages[2]?.leave()]);
      assert.deepEqual(await stores[0]?.list('phase', { keysOnly: true }), []);
    }
  }),

  conformanceCase('barrier/who-has-gone-does-not-count', async ({ open, eventually }) => {
    const [one, other, third] = [await open(), await open(), await open()];
    const abort = new AbortController();
    const gone = quiet(new Barrier(one, 'phase', 2).enter({ signal: abort.signal }));
    await eventually(async () => assert.equal((await one.list('phase')).length, 1));
    abort.abort();
    await assert.rejects(gone, { name: 'AbortError' });
    await eventually(async () => assert.equal((await one.list('phase')).length, 0));
    const waiting = quiet(new Barrier(other, 'phase', 2).enter());
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

  conformanceCase('barrier/ends-with-the-store', async ({ open }) => {
    const store = await open();
    const waiting = assert.rejects(new Barrier(store, 'phase', 2).enter(), { code: 'KV_CLOSED' });
    assert.equal(await stillPending(waiting, 50), true);
    await store.close();
    await waiting;
    for (const parties of [0, 1.5]) {
      assert.throws(() => new Barrier(store, 'phase', parties), { code: 'KV_INVALID_ARGUMENT' });
    }
  }),
];
