import assert from 'node:assert/strict';
import { KvError } from '../error.ts';
import type { Lock } from '../lock/lock.ts';
import type { KVPair } from '../pair.ts';
import type { Store } from '../store.ts';
import { LockHistory } from './lock-history.ts';

/**
 * A counter that only the holder of a lock writes, with its fencing token: `<count> <token>`. Finds lost updates, two
 * holders at a time, and tokens that do not grow, also where calls fail.
 */
export class LockedRegister {
  readonly #key: string;
  readonly #history = new LockHistory();
  #written = 0;
  #unknown = 0;

  constructor(key: string) {
    this.#key = key;
  }

  /** How many writes were acknowledged. */
  get written(): number {
    return this.#written;
  }

  /**
   * Counts one up and releases the lock. Call it in the turn in which the lock was obtained.
   *
   * @throws {assert.AssertionError} If the lock does not do what it is for.
   * @throws {KvError} What a call failed with.
   */
  async write(store: Store<string>, who: string, lock: Lock): Promise<void> {
    this.#history.acquired(who, lock);
    try {
      await this.#countUp(store, who, lock);
    } finally {
      this.#history.releasing(lock);
      await lock.release();
    }
  }

  async #countUp(store: Store<string>, who: string, lock: Lock): Promise<void> {
    const before = await store.get(this.#key);
    this.#fence(before, who, lock);
    if (lock.lost.aborted) return;
    try {
      await store.atomicPut(this.#key, `${contentOf(before).count + 1} ${lock.token}`, before ?? null);
      this.#written++;
    } catch (error) {
      if (KvError.is(error) && error.outcome === 'unknown') this.#unknown++;
      if (!KvError.is(error, 'KV_KEY_MODIFIED') && !KvError.is(error, 'KV_KEY_EXISTS')) throw error;
      // An earlier holder's write may still have been on its way; a later holder's may not.
      this.#fence(await store.get(this.#key), who, lock);
    }
  }

  #fence(pair: KVPair<string> | undefined, who: string, lock: Lock): void {
    const { token } = contentOf(pair);
    assert(
      token < lock.token || lock.lost.aborted,
      `${who} holds the lock with token ${lock.token}, and ${token} has written`,
    );
  }

  /** @param final What the register has in the end. */
  check(final: string | undefined): void {
    const { count } = contentOf(final === undefined ? undefined : { value: final });
    const most = this.#written + this.#unknown;
    assert(
      count >= this.#written && count <= most,
      `the count is ${count} after ${this.#written} acknowledged writes and ${this.#unknown} of unknown outcome`,
    );
  }
}

function contentOf(pair: Pick<KVPair<string>, 'value'> | undefined): {
  readonly count: number;
  readonly token: bigint;
} {
  const [count = '0', token = '-1'] = pair?.value.split(' ') ?? [];
  return { count: Number(count), token: BigInt(token) };
}
