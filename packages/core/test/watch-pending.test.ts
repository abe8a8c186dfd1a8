import assert from 'node:assert/strict';
import fc from 'fast-check';
import { test } from 'vitest';
import type { StoredChange } from '../src/driver.ts';
import { PendingChanges } from '../src/watch/pending-changes.ts';

function change(key: string, revision: number | undefined): StoredChange {
  if (revision === undefined) return { key };
  return { key, pair: { key, value: new Uint8Array(), revision: `${revision}`, createRevision: 1n } };
}

const seen = (changes: readonly StoredChange[]) => changes.map(({ key, pair }) => `${key}:${pair?.revision}`);

test('a consumer that keeps up gets each change, in order', () => {
  const pending = new PendingChanges();
  for (let i = 0; i < 128; i++) pending.push(change('a', i));
  assert.deepEqual(
    seen(pending.takeAll()),
    Array.from({ length: 128 }, (_, i) => `a:${i}`),
  );
  assert.deepEqual(pending.takeAll(), []);
  assert.equal(pending.takeOne(), undefined);
});

test('a slow consumer gets the last change of each key, in the order in which those happened', () => {
  const pending = new PendingChanges();
  for (let i = 0; i < 100_000; i++) pending.push(change('abc'[i % 3] as string, i));
  pending.push(change('a', undefined));
  assert.deepEqual(seen(pending.takeAll()), ['b:99997', 'c:99998', 'a:undefined']);
});

test('after it has caught up, a consumer gets each change again', () => {
  const pending = new PendingChanges();
  for (let i = 0; i < 1000; i++) pending.push(change('a', i));
  assert.deepEqual(seen([pending.takeOne() ?? assert.fail()]), ['a:999']);
  pending.push(change('a', 1000));
  pending.push(change('a', 1001));
  assert.deepEqual(seen(pending.takeAll()), ['a:1000', 'a:1001']);
});

test('what is taken leads to the same state as what was pushed, however slow the consumer is', () => {
  const step = fc.oneof(
    {
      weight: 5,
      arbitrary: fc.record({ key: fc.constantFrom('a', 'b', 'c', 'd'), put: fc.boolean(), times: fc.nat(90) }),
    },
    { weight: 1, arbitrary: fc.constant('takeOne' as const) },
    { weight: 1, arbitrary: fc.constant('takeAll' as const) },
  );
  fc.assert(
    fc.property(fc.array(step), (steps) => {
      const pending = new PendingChanges();
      const [expected, actual] = [new Map<string, string>(), new Map<string, string>()];
      const latest = new Map<string, number>();
      const apply = (state: Map<string, string>, { key, pair }: StoredChange) =>
        pair ? state.set(key, pair.revision) : state.delete(key);
      const take = (taken: StoredChange) => {
        const revision = Number(taken.pair?.revision ?? Number.NaN);
        assert(!(revision <= (latest.get(taken.key) ?? -1)), 'a state went backwards');
        if (revision >= 0) latest.set(taken.key, revision);
        apply(actual, taken);
      };
      let revision = 0;
      for (const it of steps) {
        if (it === 'takeAll') pending.takeAll().forEach(take);
        else if (it === 'takeOne') [pending.takeOne()].forEach((taken) => void (taken && take(taken)));
        else {
          for (let i = 0; i < it.times; i++) {
            const made = change(it.key, it.put ? revision++ : undefined);
            apply(expected, made);
            pending.push(made);
          }
        }
      }
      const rest = pending.takeAll();
      assert(rest.length <= 128);
      rest.forEach(take);
      assert.deepEqual([...actual].sort(), [...expected].sort());
    }),
  );
});
