import assert from 'node:assert/strict';
import { json } from '../../codec.ts';
import type { KVPair } from '../../pair.ts';
import { textOf } from '../bytes.ts';
import { conformanceCase } from '../case.ts';
import { expectError } from '../expect-error.ts';

export const update = [
  conformanceCase('update/makes-the-new-value-of-the-old-one', async ({ open }) => {
    const store = await open();
    const seen: (KVPair | undefined)[] = [];
    const append = (pair: KVPair | undefined) => {
      seen.push(pair);
      return pair === undefined ? 'a' : `${textOf(pair)}b`;
    };
    const first = await store.update('/key/', append);
    assert.equal(first.key, 'key');
    assert.equal(textOf(first), 'a');
    const second = await store.update('key', async (pair) => append(pair));
    assert.deepEqual(seen, [undefined, first]);
    assert.equal(textOf(second), 'ab');
    assert.deepEqual(await store.get('key'), second);
  }),

  conformanceCase(
    'update/by-many-clients-loses-none',
    async ({ open }) => {
      const stores = (await Promise.all(Array.from({ length: 4 }, () => open()))).map((store) =>
        store.withCodec(json<number>()),
      );
      const rounds = 10;
      const results: number[] = [];
      await Promise.all(
        stores.map(async (store) => {
          for (let i = 0; i < rounds; i++) {
            results.push((await store.update('counter', (pair) => (pair?.value ?? 0) + 1)).value);
          }
        }),
      );
      const total = stores.length * rounds;
      assert.equal((await stores[0]?.get('counter'))?.value, total);
      assert.deepEqual(
        results.sort((a, b) => a - b),
        Array.from({ length: total }, (_, i) => i + 1),
        'two updates made the same value',
      );
    },
    { timeout: 60_000 },
  ),

  conformanceCase('update/starts-again-when-the-key-comes-goes-or-changes-meanwhile', async ({ open }) => {
    const [store, other] = [await open(), await open()];
    const meanwhile = [
      () => other.put('key', 'created'),
      () => other.put('key', 'changed'),
      () => other.delete('key'),
      () => other.put('key', 'created again'),
    ];
    const seen: string[] = [];
    const result = await store.update('key', async (pair) => {
      seen.push(pair === undefined ? 'absent' : textOf(pair));
      await meanwhile[seen.length - 1]?.();
      return `after ${seen.at(-1)}`;
    });
    assert.deepEqual(seen, ['absent', 'created', 'changed', 'absent', 'created again']);
    assert.equal(textOf(result), 'after created again');
    assert.deepEqual(await other.get('key'), result);
  }),

  conformanceCase('update/ends-with-what-the-function-throws', async ({ open }) => {
    const store = await open();
    const pair = await store.put('key', 'value');
    const reason = new Error('not like this');
    const fail = () => {
      throw reason;
    };
    await assert.rejects(store.update('key', fail), reason);
    await assert.rejects(
      store.update('key', async () => fail()),
      reason,
    );
    await expectError(
      store.update('key', () => 7 as never),
      'KV_INVALID_ARGUMENT',
      { key: 'key' },
    );
    assert.deepEqual(await store.get('key'), pair);
  }),

  conformanceCase('update/ends-on-abort-between-two-tries', async ({ open }) => {
    const [store, other] = [await open(), await open()];
    const controller = new AbortController();
    const reason = new Error('enough');
    let tries = 0;
    const change = async () => {
      await other.put('key', `conflict ${++tries}`);
      if (tries === 3) controller.abort(reason);
      return 'mine';
    };
    await assert.rejects(store.update('key', change, { signal: controller.signal }), (error) => error === reason);
    assert.equal(tries, 3);
    assert.equal(textOf(await other.get('key')), 'conflict 3');
  }),
];
