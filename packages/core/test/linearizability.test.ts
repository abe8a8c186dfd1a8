import assert from 'node:assert/strict';
import fc from 'fast-check';
import { describe, test } from 'vitest';
import { firstInexplicable, impossible, type ObservedOperation } from '../src/conformance/linearizability.ts';

type State = string | undefined;
type Operation = ObservedOperation<State>;

const unknown = undefined;

const read = (start: number, end: number, value: State): Operation => ({
  name: `read ${value}`,
  start,
  end,
  apply: (state) => (state === value ? state : impossible),
});

const write = (start: number, end: number | undefined, value: State): Operation => ({
  name: `write ${value}`,
  start,
  ...(end === undefined ? {} : { end }),
  apply: () => value,
});

const swap = (start: number, end: number | undefined, from: State, to: State): Operation => ({
  name: `swap ${from} for ${to}`,
  start,
  ...(end === undefined ? {} : { end }),
  apply: (state) => (state === from ? to : end === undefined ? state : impossible),
});

const explained = (...history: Operation[]) => assert.equal(firstInexplicable<State>(undefined, history), undefined);
const wrong = (name: string, ...history: Operation[]) =>
  assert.equal(firstInexplicable<State>(undefined, history)?.name, name);

describe('a history is explained', () => {
  test('when it is sequential and right', () =>
    explained(read(0, 1, undefined), write(2, 3, 'a'), read(4, 5, 'a'), swap(6, 7, 'a', 'b'), read(8, 9, 'b')));

  test('when concurrent operations fit in some order', () =>
    explained(write(0, 10, 'a'), write(0, 10, 'b'), read(1, 3, 'b'), read(4, 6, 'a'), read(11, 12, 'a')));

  test('when what touches may count as concurrent', () => explained(write(0, 5, 'a'), read(5, 6, undefined)));

  test('when a write of which nothing is known took effect, late, or never', () => {
    explained(write(0, unknown, 'a'), read(1, 2, undefined), read(3, 4, 'a'));
    explained(write(0, unknown, 'a'), read(1, 2, undefined), read(3, 4, undefined));
    explained(write(0, unknown, 'a'), write(1, 2, 'b'), read(3, 4, 'b'), read(5, 6, 'a'));
    explained(swap(0, unknown, 'x', 'a'), write(1, 2, 'x'), read(3, 4, 'a'));
  });
});

describe('a history is not explained', () => {
  test('when a read is stale', () => wrong('read undefined', write(0, 1, 'a'), read(2, 3, undefined)));

  test('when a value comes from nowhere', () => wrong('read b', write(0, 1, 'a'), read(0, 2, 'b')));

  test('when states go backwards', () =>
    wrong('read undefined', write(0, 10, 'a'), read(1, 2, 'a'), read(3, 4, undefined)));

  test('when two swaps of one value both succeed', () =>
    wrong('swap a for c', write(0, 1, 'a'), swap(2, 5, 'a', 'b'), swap(3, 6, 'a', 'c')));

  test('when an acknowledged write is lost', () =>
    wrong('read a', write(0, 1, 'a'), write(2, 3, 'b'), read(4, 5, 'a')));

  test('when a write of which nothing is known takes effect before it was sent', () =>
    wrong('read a', read(0, 1, 'a'), write(2, unknown, 'a')));

  test('when a write of which nothing is known takes effect twice', () =>
    wrong('read a', write(0, unknown, 'a'), read(1, 2, 'a'), write(3, 4, 'b'), read(5, 6, 'b'), read(7, 8, 'a')));
});

test('a long history is decided, the wrong read at its end included', () => {
  const history: Operation[] = [];
  // Each write overlaps three others.
  for (let i = 0; i < 2_000; i++) history.push(write(i * 2, i * 2 + 7, `v${i}`), read(i * 2 + 8, i * 2 + 9, `v${i}`));
  explained(...history);
  wrong('read v0', ...history, read(5_000, 5_001, 'v0'));
});

test('agrees with the trial of every order', () => {
  const operation = fc
    .tuple(
      fc.nat(12),
      fc.integer({ min: 1, max: 8 }),
      fc.constantFrom('read', 'write', 'swap'),
      fc.constantFrom('a', 'b', unknown),
      fc.boolean(),
    )
    .map(([start, length, kind, value, known]): Operation => {
      if (kind === 'read') return read(start, start + length, value);
      const end = known ? start + length : unknown;
      return kind === 'write' ? write(start, end, value) : swap(start, end, value, value === 'a' ? 'b' : 'a');
    });
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 6 }), (history) => {
      assert.equal(firstInexplicable<State>(undefined, history) === undefined, someOrderFits(undefined, history));
    }),
    { numRuns: 3_000 },
  );
});

/** The definition, without any cleverness. */
function someOrderFits(state: State, left: readonly Operation[]): boolean {
  if (left.every(({ end }) => end === undefined)) return true;
  return left.some((next) => {
    const others = left.filter((operation) => operation !== next);
    if (others.some(({ end }) => end !== undefined && end < next.start)) return false;
    const reached = next.apply(state);
    return reached !== impossible && someOrderFits(reached, others);
  });
}
