import assert from 'node:assert/strict';
import { conformanceCase } from '@kv/core/conformance';
import { Counter } from '@kv/recipes/counter';

export const counter = [
  conformanceCase('counter/loses-no-addition', async ({ open, observe }) => {
    const stores = [await open(), await open(), await open()];
    const counters = stores.map((store) => new Counter(store, 'visits')) as [Counter, Counter, Counter];
    assert.equal(await counters[0].get(), 0n);
    const seen = observe(counters[2].watch());
    await seen.until((value) => value === 0n);
    await Promise.all(
      counters.map(async (it) => {
        for (let i = 0; i < 10; i++) await it.add();
      }),
    );
    assert.equal(await counters[1].get(), 30n);
    await seen.until((value) => value === 30n);
    assert(seen.steps.every((value, i) => i === 0 || value > (seen.steps[i - 1] as bigint)));
  }),

  conformanceCase('counter/takes-numbers-of-any-size', async ({ open, observe }) => {
    const store = await open();
    const it = new Counter(store, 'visits');
    const large = 2n ** 200n;
    assert.equal(await it.add(large), large);
    assert.equal(await it.add(-large - 5n), -5n);
    assert.equal(await it.add(0n), -5n);
    assert.equal(await it.get(), -5n);
    for (const text of ['12 monkeys', '', '0x10', ' 7', '7\n', '1.0', '1e3', '--1']) {
      await store.put('visits', text);
      await assert.rejects(it.get(), { code: 'KV_DECODE_FAILED' });
      await assert.rejects(it.add(), { code: 'KV_DECODE_FAILED' });
      await assert.rejects(observe(it.watch()).ended, { code: 'KV_DECODE_FAILED' });
    }
  }),
];
