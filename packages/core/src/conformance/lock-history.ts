import assert from 'node:assert/strict';
import type { Lock } from '../lock/lock.ts';

/** Who held a lock, as all its clients in this process tell. Finds two holders at a time, and tokens that do not grow. */
export class LockHistory {
  #current: { readonly who: string; readonly lock: Lock } | undefined;
  #lastToken: bigint | undefined;
  #count = 0;

  /** How many holds there were. */
  get count(): number {
    return this.#count;
  }

  /** Call it in the turn in which the lock was obtained. @throws {assert.AssertionError} */
  acquired(who: string, lock: Lock): void {
    const { token } = lock;
    const earlier = this.#current;
    assert(
      earlier === undefined || earlier.lock.lost.aborted,
      `${who} got the lock with token ${token} while ${earlier?.who} held it with ${earlier?.lock.token}`,
    );
    assert(
      this.#lastToken === undefined || token > this.#lastToken,
      `${who} got token ${token}, after ${this.#lastToken}`,
    );
    this.#lastToken = token;
    this.#current = { who, lock };
    this.#count++;
  }

  /** Call it before the release is sent. */
  releasing(lock: Lock): void {
    if (this.#current?.lock === lock) this.#current = undefined;
  }
}
