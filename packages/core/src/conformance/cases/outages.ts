import assert from 'node:assert/strict';
import { KvError } from '../../error.ts';
import { openStore } from '../../open-store.ts';
import type { Store } from '../../store.ts';
import { textOf } from '../bytes.ts';
import { conformanceCase } from '../case.ts';
import { assertOutage, during } from '../during.ts';
import { expectError } from '../expect-error.ts';

/** Calls that read and calls that write, each with the time that it may take. */
const reads: Record<string, (store: Store, timeout?: number) => Promise<unknown>> = {
  get: (store, timeout) => store.get('key', { timeout }),
  getMany: (store, timeout) => store.getMany(['key'], { timeout }),
  exists: (store, timeout) => store.exists('key', { timeout }),
  list: (store, timeout) => store.list('', { timeout }),
  scan: (store, timeout) => store.scan('', { timeout }).next(),
};
const writes: Record<string, (store: Store, timeout?: number) => Promise<unknown>> = {
  put: (store, timeout) => store.put('key', 'late', { timeout }),
  delete: (store, timeout) => store.delete('other', { timeout }),
  atomicPut: (store, timeout) => store.atomicPut('new', 'late', null, { timeout }),
  deleteTree: (store, timeout) => store.deleteTree('dir', { timeout }),
};

/** Every call must end with `KV_TIMEOUT`, once its time is over and not much later. */
async function expectTimeouts(store: Store, timeout: number, given: number | undefined): Promise<void> {
  const start = performance.now();
  const check = async (pending: Promise<unknown>, operation: string, isWrite: boolean) => {
    const error = await expectError(pending, 'KV_TIMEOUT', { operation });
    const took = performance.now() - start;
    assert(took >= timeout - 5 && took < timeout + 3_000, `${operation} took ${took} of ${timeout} ms`);
    assert.equal(error.outcome, isWrite ? 'unknown' : undefined, operation);
    assert.equal(error.retryable, !isWrite, operation);
    assert(error.message.includes(String(timeout)), error.message);
  };
  await Promise.all([
    ...Object.entries(reads).map(([name, call]) => check(call(store, given), name, false)),
    ...Object.entries(writes).map(([name, call]) => check(call(store, given), name, true)),
  ]);
}

export const outages = [
  conformanceCase(
    'faults/a-silent-server-is-a-timeout',
    async ({ open, faults }) => {
      const store = await open({ timeout: 1_500 });
      await store.put('key', 'before');
      const heal = await faults.pause();
      await expectTimeouts(store, 1_500, undefined);
      await expectTimeouts(store, 300, 300);
      await heal();
      const fresh = await open({ timeout: 20_000 });
      assert(['before', 'late'].includes(textOf(await fresh.get('key'))));
      await fresh.put('key', 'after');
      assert.equal(textOf(await fresh.get('key')), 'after');
    },
    { faults: ['pause'] },
  ),

  conformanceCase(
    'faults/open-store-does-not-wait-for-a-silent-server',
    async ({ driver, faults }) => {
      const [patient, impatient, later] = [await driver(), await driver(), await driver()];
      const heal = await faults.pause();
      const start = performance.now();
      const reason = new Error('enough');
      const controller = new AbortController();
      const timer = setTimeout(() => controller.abort(reason), 100);
      await Promise.all([
        expectError(openStore(patient, { timeout: 600 }), ['KV_TIMEOUT', 'KV_UNAVAILABLE'], { operation: 'openStore' }),
        assert.rejects(openStore(impatient, { signal: controller.signal }), (error) => error === reason),
      ]);
      clearTimeout(timer);
      const took = performance.now() - start;
      assert(took < 5_000, `they took ${took} ms`);
      await heal();
      const store = await openStore(later, { timeout: 20_000 });
      await store.close();
    },
    { faults: ['pause'] },
  ),

  conformanceCase(
    'faults/a-silent-network-is-a-timeout-for-one-client-alone',
    async ({ connect, open }) => {
      const { store, faults } = await connect({ timeout: 1_500 });
      const other = await open();
      await store.put('key', 'before');
      const heal = await faults.partition('silent');
      await Promise.all([
        expectTimeouts(store, 1_500, undefined),
        (async () => {
          await other.put('mine', 'fine');
          assert.equal(textOf(await other.get('mine')), 'fine');
        })(),
      ]);
      assert.equal(other.status, 'connected');
      await heal();
      assert.equal(textOf(await other.get('mine')), 'fine');
      await store.put('again', 'there', { timeout: 20_000 });
      assert.equal(textOf(await other.get('again')), 'there');
    },
    { faults: ['partition'] },
  ),

  conformanceCase(
    'faults/refused-connections-are-unavailable',
    async ({ connect, open }) => {
      const { store, faults } = await connect({ timeout: 3_000 });
      const other = await open();
      await store.put('key', 'before');
      const heal = await faults.partition('refuse');
      const expectUnavailable = async (pending: Promise<unknown>, operation: string) => {
        const error = await expectError(pending, ['KV_UNAVAILABLE', 'KV_TIMEOUT'], { operation });
        // The deadline may come in the middle of one more attempt.
        if (error.code === 'KV_TIMEOUT') assert(KvError.is(error.cause, 'KV_UNAVAILABLE'), 'nobody refused anything');
        return error;
      };
      await Promise.all(Object.entries(reads).map(([name, call]) => expectUnavailable(call(store), name)));
      const put = await expectUnavailable(store.put('key', 'late'), 'put');
      const atomicPut = await expectUnavailable(store.atomicPut('new', 'late', null), 'atomicPut');
      await other.put('other', 'fine');
      await heal();
      await store.put('again', 'there', { timeout: 20_000 });
      if (put.outcome === 'not-applied') assert.equal(textOf(await other.get('key')), 'before');
      if (atomicPut.outcome === 'not-applied') assert.equal(await other.exists('new'), false);
      assert.equal(textOf(await other.get('other')), 'fine');
    },
    { faults: ['partition'] },
  ),

  conformanceCase(
    'faults/calls-go-on-when-connections-break',
    async ({ connect, open, signal }) => {
      const { store, faults } = await connect();
      const other = await open();
      const pair = await store.put('dir/key', 'value');
      let resets = 0;
      const reset = async () => {
        for (; resets < 5; resets++) {
          await faults.reset();
          await other.get('dir/key');
        }
      };
      let count = 0;
      await during(reset, signal, async () => {
        assert.deepEqual(await store.get('dir/key'), pair);
        assert.deepEqual(await store.list('dir'), [pair]);
        const key = `written/${count++}`;
        const [result] = await Promise.allSettled([store.put(key, '')]);
        if (result?.status === 'rejected') {
          assertOutage(result.reason);
          if (result.reason.outcome === 'not-applied') assert.equal(await other.exists(key), false);
        }
      });
      assert.equal(resets, 5);
    },
    { faults: ['reset'] },
  ),

  conformanceCase(
    'faults/slow-answers-are-still-answers',
    async ({ connect }) => {
      const { store, faults } = await connect();
      const heal = await faults.latency(100);
      const pair = await store.put('dir/key', 'one');
      const results = await Promise.all([store.get('dir/key'), store.list('dir'), store.exists('absent')]);
      assert.deepEqual(results, [pair, [pair], false]);
      const next = await store.atomicPut('dir/key', 'two', pair);
      await expectError(store.atomicPut('dir/key', 'three', pair), 'KV_KEY_MODIFIED');
      await store.atomicDelete('dir/key', next);
      await expectError(store.get('dir/key', { timeout: 20 }), 'KV_TIMEOUT');
      await heal();
    },
    { faults: ['latency'] },
  ),
];
