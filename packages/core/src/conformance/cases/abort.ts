import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { openStore } from '../../open-store.ts';
import type { Store } from '../../store.ts';
import { textOf } from '../bytes.ts';
import { conformanceCase } from '../case.ts';
import { recorded } from '../recorded-driver.ts';

/** Every call that takes a signal and ends by itself. */
function callsOf(store: Store, signal: AbortSignal): Record<string, () => Promise<unknown>> {
  const previous = { key: 'key', revision: '1' as never };
  return {
    put: () => store.put('key', 'value', { signal }),
    get: () => store.get('key', { signal }),
    getMany: () => store.getMany(['key'], { signal }),
    exists: () => store.exists('key', { signal }),
    delete: () => store.delete('key', { signal }),
    list: () => store.list('', { signal }),
    'list keysOnly': () => store.list('', { keysOnly: true, signal }),
    scan: () => store.scan('', { signal }).next(),
    deleteTree: () => store.deleteTree('dir', { signal }),
    atomicPut: () => store.atomicPut('other', 'value', null, { signal }),
    atomicDelete: () => store.atomicDelete('key', previous, { signal }),
    update: () => store.update('key', () => 'value', { signal }),
    session: () => store.session({ signal }),
    lock: () => store.lock('lock', { signal }),
    tryLock: () => store.tryLock('lock', { signal }),
    lockHolder: () => store.lockHolder('lock', { signal }),
    ...(store.capabilities.transaction && {
      transaction: () => store.transaction({ then: [{ type: 'delete', key: 'key' }] }, { signal }),
    }),
  };
}

export const abort = [
  conformanceCase('abort/before-a-call-sends-nothing', async ({ driver, namespace }) => {
    const { driver: observed, calls } = recorded(await driver());
    const store = await openStore(observed);
    try {
      for (const reason of [new Error('changed my mind'), 'a string', { any: 'object' }]) {
        const signal = AbortSignal.abort(reason);
        for (const [name, call] of Object.entries(callsOf(store.namespace(namespace), signal))) {
          await assert.rejects(call(), (error) => error === reason, `${name} rejects with another reason`);
          assert.deepEqual(calls, [], `${name} called the driver`);
        }
      }
    } finally {
      await store.close();
    }
  }),

  conformanceCase('abort/before-open-store-connects-nothing', async ({ driver }) => {
    const factory = await driver();
    const reason = new Error('changed my mind');
    let connected = false;
    const observed = {
      ...factory,
      connect: (call: Parameters<typeof factory.connect>[0]) => {
        connected = true;
        return factory.connect(call);
      },
    };
    await assert.rejects(openStore(observed, { signal: AbortSignal.abort(reason) }), (error) => error === reason);
    assert.equal(connected, false);
  }),

  conformanceCase(
    'abort/during-a-call-ends-it-at-once',
    async ({ connect, open }) => {
      const { store, faults } = await connect();
      const other = await open();
      await other.put('key', 'before');
      assert.equal(textOf(await store.get('key')), 'before');
      const heal = await faults.partition('silent');
      const controller = new AbortController();
      const reason = new Error('enough');
      const start = performance.now();
      const pending = Object.entries(callsOf(store, controller.signal)).map(([name, call]) =>
        assert.rejects(call(), (error) => error === reason, `${name} rejects with another reason`),
      );
      setImmediate(() => controller.abort(reason));
      await Promise.all(pending);
      const took = performance.now() - start;
      assert(took < 5_000, `the calls ended ${took} ms after the abort`);
      await heal();
    },
    { faults: ['partition'] },
  ),

  conformanceCase('abort/after-a-call-changes-nothing-and-no-listener-stays', async ({ open }) => {
    const store = await open();
    const controller = new AbortController();
    const { signal } = controller;
    for (const call of Object.values(callsOf(store, signal))) {
      const [result] = await Promise.allSettled([call()]);
      if (result?.status !== 'fulfilled') continue;
      const { value } = result;
      if (typeof value === 'object' && value !== null && 'release' in value) await (value.release as () => unknown)();
      if (typeof value === 'object' && value !== null && 'close' in value) await (value.close as () => unknown)();
    }
    for await (const _ of store.scan('', { signal })) break;
    assert.equal(getEventListeners(signal, 'abort').length, 0, 'listeners were left on the signal');
    const pair = await store.put('key', 'kept', { signal });
    controller.abort(new Error('too late'));
    assert.deepEqual(await store.get('key'), pair);
  }),

  conformanceCase('abort/of-one-call-leaves-others-alone', async ({ open }) => {
    const store = await open();
    const controller = new AbortController();
    await store.put('key', 'value');
    const [doomed, ...others] = [
      store.get('key', { signal: controller.signal }),
      store.get('key'),
      store.list(''),
      store.put('other', 'value'),
    ];
    controller.abort();
    await Promise.allSettled([doomed]);
    assert.equal((await Promise.all(others)).length, 3);
    assert.equal(textOf(await store.get('other')), 'value');
  }),

  conformanceCase('abort/of-a-write-leaves-it-done-or-not-done', async ({ open }) => {
    const [store, other] = [await open(), await open()];
    for (let round = 0; round < 10; round++) {
      const controller = new AbortController();
      const key = `key/${round}`;
      const pending = Promise.allSettled([store.put(key, 'value', { signal: controller.signal })]);
      if (round % 2 === 0) controller.abort('early');
      else setImmediate(() => controller.abort('late'));
      const [result] = await pending;
      const read = await other.get(key);
      if (result?.status === 'fulfilled') assert.equal(read?.revision, result.value.revision);
      else if (read !== undefined) assert.equal(textOf(read), 'value');
    }
    // The connection still answers in order: what was aborted has not shifted the answers.
    const pairs = await Promise.all(Array.from({ length: 10 }, (_, i) => store.put(`after/${i}`, String(i))));
    const read = await Promise.all(pairs.map(({ key }) => store.get(key)));
    assert.deepEqual(read, pairs);
  }),
];
