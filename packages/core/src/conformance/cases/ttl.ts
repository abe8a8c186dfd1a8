import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import type { Capabilities, DurationLimits } from '../../capabilities.ts';
import type { KVPair } from '../../pair.ts';
import type { Store } from '../../store.ts';
import { textOf } from '../bytes.ts';
import { type CaseContext, type CaseOptions, conformanceCase } from '../case.ts';
import { keptTtl } from '../durations.ts';
import { expectError } from '../expect-error.ts';
import { transact } from '../transact.ts';

// Consul keeps a key for 20 s at least.
const needed: CaseOptions = { needs: ['ttl'], timeout: 90_000 };

/** What a loaded machine may add to any bound, in milliseconds. */
const slack = 3_000;
/** The clocks of client and server may differ in speed by so much. */
const clockTolerance = 0.01;

function limitsOf({ ttl }: Capabilities): DurationLimits {
  assert(ttl);
  return ttl;
}

/** A time to live that the backend honours exactly, or nearly so, and that is long enough to read the key before it is over. */
function shortTtl(capabilities: Capabilities): number {
  return Math.max(limitsOf(capabilities).minMs, 500);
}

/** Every call that can give a time to live. */
const writers: Record<string, (store: Store, key: string, ttl: number) => Promise<KVPair | undefined>> = {
  put: (store, key, ttl) => store.put(key, 'value', { ttl }),
  'put over a permanent pair': async (store, key, ttl) => {
    await store.put(key, 'permanent');
    return store.put(key, 'value', { ttl });
  },
  'atomicPut that creates': (store, key, ttl) => store.atomicPut(key, 'value', null, { ttl }),
  'atomicPut that replaces': async (store, key, ttl) => {
    const previous = await store.put(key, 'permanent');
    return store.atomicPut(key, 'value', previous, { ttl });
  },
  update: (store, key, ttl) => store.update(key, () => 'value', { ttl }),
};

const transactions: typeof writers = {
  transaction: async (store, key, ttl) => {
    const result = await transact(store, [{ type: 'put', key, value: 'value', ttl }]);
    return result.committed ? result.pairs[0] : undefined;
  },
};

/** Polls until `key` is gone. @returns When it was first known to be gone. */
async function goneAt({ eventually }: CaseContext, store: Store, key: string, within: number): Promise<number> {
  return eventually(async () => {
    assert.equal(await store.exists(key), false, `still there ${within} ms after its bound began`);
    return performance.now();
  }, within);
}

async function endsInTime(context: CaseContext, store: Store, other: Store, writer: string): Promise<void> {
  const { capabilities } = context;
  const ttl = shortTtl(capabilities);
  const write = { ...writers, ...transactions }[writer] as (typeof writers)[string];
  const before = performance.now();
  const pair = await write(store, writer, ttl);
  assert(pair?.ttl !== undefined, `${writer}: the pair does not tell the effective time to live`);
  assert(pair.ttl >= ttl && pair.ttl <= ttl + 1_000, `${writer}: asked for ${ttl} ms, got ${pair.ttl}`);
  const gone = await goneAt(context, other, writer, pair.ttl * limitsOf(capabilities).latestFactor + slack);
  const lived = gone - before;
  assert(lived >= pair.ttl * (1 - clockTolerance), `${writer}: gone after ${lived} ms of ${pair.ttl}`);
}

export const ttl = [
  conformanceCase(
    'ttl/ends-a-key-not-before-its-time-and-at-the-latest-by-the-bound',
    async (context) => {
      const { open, capabilities } = context;
      const [store, other] = [await open(), await open()];
      const names = Object.keys({ ...writers, ...(capabilities.transaction && transactions) });
      await Promise.all(names.map((writer) => endsInTime(context, store, other, writer)));
    },
    needed,
  ),

  conformanceCase(
    'ttl/expired-keys-are-absent-to-every-call',
    async (context) => {
      const { open, capabilities } = context;
      const store = await open();
      const ttl = shortTtl(capabilities);
      const permanent = await store.put('dir/permanent', 'stays');
      const expired = await store.put('dir/key', 'value', { ttl });
      await store.put('dir/key/child', 'stays');
      await goneAt(context, store, 'dir/key', ttl * limitsOf(capabilities).latestFactor + slack);
      assert.equal(await store.get('dir/key'), undefined);
      assert.deepEqual(await store.getMany(['dir/key', 'dir/permanent']), [undefined, permanent]);
      assert.deepEqual(await store.list('dir', { keysOnly: true }), ['dir/key/child', 'dir/permanent']);
      assert.deepEqual((await store.list('dir')).map(textOf), ['stays', 'stays']);
      assert.equal(await store.delete('dir/key'), false);
      await expectError(store.atomicPut('dir/key', 'x', expired), 'KV_KEY_NOT_FOUND');
      await expectError(store.atomicDelete('dir/key', expired), 'KV_KEY_NOT_FOUND');
      const recreated = await store.atomicPut('dir/key', 'again', null);
      assert(recreated.createRevision > expired.createRevision);
    },
    needed,
  ),

  conformanceCase(
    'ttl/is-replaced-by-the-lifetime-of-the-next-write',
    async (context) => {
      const { open, capabilities } = context;
      const [store, other] = [await open(), await open()];
      const { latestFactor, maxMs } = limitsOf(capabilities);
      // Long enough to replace all of them before one is over.
      const ttl = keptTtl(limitsOf(capabilities));
      const bound = ttl * latestFactor;
      const long = Math.min(maxMs, bound * 4 + 60_000);
      const keys = ['put', 'atomicPut', 'update', 'longer', 'control'];
      const pairs = new Map<string, KVPair>();
      for (const key of keys) pairs.set(key, await store.put(key, 'mortal', { ttl }));
      const kept = [
        await other.put('put', 'permanent'),
        await other.atomicPut('atomicPut', 'permanent', pairs.get('atomicPut') as KVPair),
        await other.update('update', () => 'permanent'),
        await other.put('longer', 'longer', { ttl: long }),
      ];
      if (capabilities.transaction) {
        await store.put('transaction', 'mortal', { ttl });
        await transact(other, [{ type: 'put', key: 'transaction', value: 'permanent' }]);
        kept.push((await other.get('transaction')) as KVPair);
      }
      for (const pair of kept) if (pair.key !== 'longer') assert.equal(pair.ttl, undefined, `${pair.key} has a ttl`);
      const written = performance.now();
      await goneAt(context, other, 'control', bound + slack);
      // A proof of absence: nothing ends them until the old bound is over.
      await delay(Math.max(0, written + bound + 200 - performance.now()));
      const left = await store.getMany(kept.map(({ key }) => key));
      assert.deepEqual(
        left.map((pair) => pair?.revision),
        kept.map(({ revision }) => revision),
      );
    },
    needed,
  ),

  conformanceCase(
    'ttl/below-the-minimum-is-rounded-up',
    async ({ open, capabilities }) => {
      const store = await open();
      const { minMs, maxMs, latestFactor } = limitsOf(capabilities);
      assert(minMs > 0 && maxMs >= minMs && latestFactor >= 1, 'the declared limits make no sense');
      for (const ttl of [0.001, 1, minMs / 2, minMs]) {
        const pair = await store.put('key', String(ttl), { ttl });
        assert(pair.ttl !== undefined && pair.ttl >= minMs && pair.ttl <= minMs + 1_000, `${ttl} became ${pair.ttl}`);
      }
      const between = await store.put('key', 'between', { ttl: minMs + 1.5 });
      assert(between.ttl !== undefined && between.ttl >= minMs + 1.5, `rounded down to ${between.ttl}`);
      const longest = await store.put('key', 'longest', { ttl: maxMs });
      assert(longest.ttl !== undefined && longest.ttl >= maxMs && longest.ttl <= maxMs + 1_000);
      const read = await store.get('key');
      assert.equal(read?.ttl, undefined, 'a read tells a time to live, which only a write knows');
      for (const ttl of [maxMs + 1, maxMs * 2]) {
        const fields = { operation: 'put', key: 'key', outcome: 'not-applied' } as const;
        await expectError(store.put('key', 'x', { ttl }), 'KV_INVALID_ARGUMENT', fields);
      }
      assert.equal((await store.get('key'))?.revision, longest.revision);
    },
    needed,
  ),
];
