import assert from 'node:assert/strict';
import { json } from '../../codec.ts';
import type { KVPair } from '../../pair.ts';
import { textOf } from '../bytes.ts';
import { type CaseContext, conformanceCase } from '../case.ts';
import { assertOutage, during } from '../during.ts';
import { expectError } from '../expect-error.ts';

/** Writes and deletes while `disturb` goes on: what was acknowledged must be there afterwards, what was not applied must not. */
async function keepsItsWord({ open, signal, eventually }: CaseContext, disturb: () => Promise<unknown>): Promise<void> {
  const [store, other] = [await open({ timeout: 5_000 }), await open({ timeout: 20_000 })];
  const written = new Map<string, KVPair>();
  const refused = new Set<string>();
  const deleted = new Set<string>();
  let count = 0;
  const write = async () => {
    const key = `key/${count++}`;
    const [result] = await Promise.allSettled([store.put(key, key)]);
    if (result?.status === 'fulfilled') {
      written.set(key, result.value);
    } else {
      assertOutage(result?.reason);
      assert(result.reason.outcome !== undefined, 'a failed write has no outcome');
      if (result.reason.outcome === 'not-applied') refused.add(key);
      return;
    }
    if (count % 3 !== 0) return;
    const [removal] = await Promise.allSettled([store.delete(key)]);
    written.delete(key);
    if (removal?.status === 'fulfilled') deleted.add(key);
    else assertOutage(removal?.reason);
  };
  await write();
  await during(disturb, signal, write);
  const left = new Map((await eventually(() => other.list('key'))).map((pair) => [pair.key, pair]));
  for (const [key, pair] of written) assert.deepEqual(left.get(key), pair, `${key} was acknowledged, and is not there`);
  for (const key of deleted) assert(!left.has(key), `${key} was deleted, and is there again`);
  for (const key of refused) assert(!left.has(key), `${key} was told not to be applied, and is there`);
  for (const [key, pair] of left) assert.equal(textOf(pair), key);
  assert(written.size > 0);
}

export const restarts = [
  conformanceCase(
    'faults/reads-are-tried-again-over-a-restart',
    async ({ open, faults, signal }) => {
      const store = await open({ timeout: 60_000 });
      const pair = await store.put('dir/key', 'value');
      await during(faults.restart, signal, async () => {
        const seen = await Promise.all([
          store.get('dir/key'),
          store.getMany(['dir/key', 'absent']),
          store.exists('dir/key'),
          store.list('dir'),
          store.list('', { keysOnly: true }),
        ]);
        assert.deepEqual(seen, [pair, [pair, undefined], true, [pair], ['dir/key']]);
      });
    },
    { faults: ['restart'], timeout: 120_000 },
  ),

  conformanceCase(
    'faults/acknowledged-writes-survive-a-restart',
    (context) => keepsItsWord(context, context.faults.restart),
    { faults: ['restart'], timeout: 120_000 },
  ),

  conformanceCase(
    'faults/acknowledged-writes-survive-a-failover',
    (context) => keepsItsWord(context, async () => (await context.faults.failover())()),
    { faults: ['failover'], timeout: 120_000 },
  ),

  conformanceCase(
    'faults/revisions-outlive-a-restart',
    async ({ open, faults }) => {
      const store = await open({ timeout: 60_000 });
      const stale = await store.put('key', 'one');
      const pair = await store.put('key', 'two');
      await faults.restart();
      assert.deepEqual(await store.get('key'), pair);
      const created = await store.put('new', 'value');
      assert(created.createRevision > pair.createRevision, 'creations are counted anew');
      await expectError(store.atomicPut('key', 'three', stale), 'KV_KEY_MODIFIED');
      await store.atomicPut('key', 'three', pair);
      await expectError(store.atomicPut('key', 'four', pair), 'KV_KEY_MODIFIED');
    },
    { faults: ['restart'], timeout: 120_000 },
  ),

  conformanceCase(
    'faults/updates-over-a-restart-lose-none-that-was-acknowledged',
    async ({ open, faults, signal, eventually }) => {
      const stores = (await Promise.all([open({ timeout: 5_000 }), open({ timeout: 5_000 })])).map((store) =>
        store.withCodec(json<number>()),
      );
      const counts = { done: 0, unknown: 0 };
      const increment = async (store: (typeof stores)[0]) => {
        const [result] = await Promise.allSettled([store.update('counter', (pair) => (pair?.value ?? 0) + 1)]);
        if (result?.status === 'fulfilled') {
          counts.done++;
          return;
        }
        assertOutage(result?.reason);
        if (result.reason.outcome === 'unknown') counts.unknown++;
      };
      const incrementAll = async () => void (await Promise.all(stores.map(increment)));
      for (let i = 0; i < 5; i++) await incrementAll();
      await during(faults.restart, signal, incrementAll);
      const total = (await eventually(() => stores[0]?.get('counter')))?.value ?? 0;
      const { done, unknown } = counts;
      assert(total >= done && total <= done + unknown, `${total} after ${done} updates and ${unknown} unknown ones`);
    },
    { faults: ['restart'], timeout: 120_000 },
  ),
];
