import assert from 'node:assert/strict';
import { KvError, type KvErrorCode } from '../error.ts';
import type { KVPair } from '../pair.ts';
import { sleep } from '../sleep.ts';
import type { Store } from '../store.ts';
import { textOf } from './bytes.ts';
import { firstInexplicable, impossible, type ObservedOperation } from './linearizability.ts';

/** The value of the key; `undefined` where there is none. Each write writes another one, so that a value tells its revision. */
type State = string | undefined;
type Effect = (state: State) => State | typeof impossible;

/** What several clients do to one key at the same time, and what they see. */
export class RegisterHistory {
  readonly operations: ObservedOperation<State>[] = [];
  #writes = 0;

  /** A value that no other write has. */
  nextValue(): string {
    return `v${++this.#writes}`;
  }

  /** @throws {assert.AssertionError} If no order of the operations explains all that was seen. */
  check(): void {
    const wrong = firstInexplicable(undefined, this.operations);
    if (wrong === undefined) return;
    const { start: from, end: to = from } = wrong;
    const around = this.operations
      .filter(({ start, end }) => start <= to && (end === undefined || end >= from - 50))
      .sort((a, b) => a.start - b.start)
      .map(({ name, start, end }) => `${start.toFixed(1)} to ${end?.toFixed(1) ?? 'unknown'}: ${name}`);
    assert.fail(`not linearizable: nothing explains «${wrong.name}».\n${around.join('\n')}`);
  }
}

interface Attempt<Result> {
  readonly name: string;
  readonly call: () => Promise<Result>;
  /** What it does to the state, given its result. */
  readonly effect: (result: Result) => Effect;
  /** Of a write: what it does if it takes effect without an answer. */
  readonly unanswered?: Effect;
  /** Of a compare-and-set: the value that it expects; `undefined` for none. */
  readonly expected?: State;
}

/** One client that works on the key, one operation after the other. */
export class RegisterClient {
  readonly #history: RegisterHistory;
  readonly #store: Store;
  readonly #key: string;
  readonly #random: () => number;
  readonly #deletes: boolean;
  /** The pair that it would compare with. */
  #known: KVPair | undefined;
  /** Whether it has been heard since its last write of which nothing is known. */
  #certain = true;

  /** @param deletes Whether it deletes the key too: not where a revision may come back after that. */
  constructor(history: RegisterHistory, store: Store, key: string, random: () => number, deletes: boolean) {
    this.#history = history;
    this.#store = store;
    this.#key = key;
    this.#random = random;
    this.#deletes = deletes;
  }

  /** Works until `over`, and a little longer. */
  async work(over: () => boolean, signal: AbortSignal): Promise<void> {
    for (let left = 12; left > 0; ) {
      await this.#step();
      if (over()) left--;
      await sleep(this.#random() * 6, signal);
    }
  }

  #step(): Promise<void> {
    const dice = this.#random();
    // Each write of which nothing is known doubles what the check has to look at: not more of them than outages.
    if (!this.#certain || dice < 0.35) return this.#read();
    if (dice < 0.5) return this.#put();
    if (dice < 0.57 && this.#deletes) return this.#delete();
    if (dice < 0.65 && this.#deletes && this.#known !== undefined) return this.#atomicDelete(this.#known);
    return this.#atomicPut();
  }

  async #read(): Promise<void> {
    this.#known = await this.#run({
      name: 'get',
      call: () => this.#store.get(this.#key),
      effect: (pair) => {
        const value = pair && textOf(pair);
        return (state) => (state === value ? state : impossible);
      },
    });
  }

  async #put(): Promise<void> {
    const value = this.#history.nextValue();
    this.#known = await this.#run({
      name: `put ${value}`,
      call: () => this.#store.put(this.#key, value),
      effect: () => () => value,
      unanswered: () => value,
    });
  }

  async #delete(): Promise<void> {
    await this.#run({
      name: 'delete',
      call: () => this.#store.delete(this.#key),
      effect: (existed) => (state) => ((state !== undefined) === existed ? undefined : impossible),
      unanswered: () => undefined,
    });
    this.#known = undefined;
  }

  async #atomicDelete(known: KVPair): Promise<void> {
    const expected = textOf(known);
    await this.#run({
      name: `atomicDelete ${expected}`,
      call: () => this.#store.atomicDelete(this.#key, known),
      effect: () => (state) => (state === expected ? undefined : impossible),
      unanswered: (state) => (state === expected ? undefined : state),
      expected,
    });
    this.#known = undefined;
  }

  async #atomicPut(): Promise<void> {
    const known = this.#known;
    const value = this.#history.nextValue();
    const expected = known && textOf(known);
    this.#known = await this.#run({
      name: `atomicPut ${value} on ${expected}`,
      call: () => this.#store.atomicPut(this.#key, value, known ?? null),
      effect: () => (state) => (state === expected ? value : impossible),
      unanswered: (state) => (state === expected ? value : state),
      expected,
    });
  }

  /** @returns The result, or `undefined` if there was none. */
  async #run<Result>({ name, call, effect, unanswered, expected }: Attempt<Result>): Promise<Result | undefined> {
    const { operations } = this.#history;
    const start = performance.now();
    const [settled] = await Promise.allSettled([call()]);
    const end = performance.now();
    if (settled?.status === 'fulfilled') {
      const { value } = settled;
      operations.push({ name: `${name}: ${shown(value)}`, start, end, apply: effect(value) });
      this.#certain = true;
      return value;
    }
    const error: unknown = settled?.reason;
    if (!KvError.is(error)) throw error;
    if (conflicts.has(error.code)) {
      operations.push({ name: `${name}: ${error.code}`, start, end, apply: refusal(error.code, expected) });
      return undefined;
    }
    if (!outages.has(error.code)) throw error;
    // A write that was not applied is left out: if a read sees its value after all, nothing explains that.
    if (unanswered === undefined || error.outcome === 'not-applied') return undefined;
    operations.push({ name: `${name}: ${error.code}`, start, apply: unanswered });
    this.#certain = false;
    return undefined;
  }
}

const conflicts = new Set<KvErrorCode>(['KV_KEY_EXISTS', 'KV_KEY_MODIFIED', 'KV_KEY_NOT_FOUND']);
/** What a call may become when the server is away. */
const outages = new Set<KvErrorCode>(['KV_UNAVAILABLE', 'KV_TIMEOUT']);

/** What a refused compare-and-set says about the state, which it leaves as it is. */
function refusal(code: KvErrorCode, expected: State): Effect {
  return (state) => {
    if (state === expected) return impossible;
    const reason =
      expected === undefined ? 'KV_KEY_EXISTS' : state === undefined ? 'KV_KEY_NOT_FOUND' : 'KV_KEY_MODIFIED';
    return code === reason ? state : impossible;
  };
}

function shown(result: unknown): string {
  return typeof result === 'object' && result !== null ? textOf(result as KVPair) : String(result);
}
