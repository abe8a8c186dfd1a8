import type { Condition, Lock } from '@kv/core';

/** A term as the leader, until it resigns or is replaced. */
export class Leadership implements AsyncDisposable {
  /**
   * The number of the term: greater than that of every earlier leader. Hand it to what the leader changes, and have that refuse
   * a smaller one than it has seen.
   */
  readonly term: bigint;
  /** For `transaction`: true at the server as long as the term lasts. */
  readonly condition: Condition;
  readonly #lock: Lock;
  readonly #over = new AbortController();
  readonly #onResign: (coolDown: number) => void;
  #resigned: Promise<void> | undefined;

  /** @internal Use `election.campaign()` or `election.lead()`. */
  constructor(lock: Lock, onResign: (coolDown: number) => void) {
    this.term = lock.token;
    this.condition = lock.condition;
    this.#lock = lock;
    this.#onResign = onResign;
    lock.lost.addEventListener('abort', () => this.end(lock.lost.reason), { once: true });
    if (lock.lost.aborted) this.end(lock.lost.reason);
  }

  /**
   * Aborts when the term is over, or may be: before another one can lead, unless the server ended the session by force. In
   * `election.lead`, also when the caller's `signal` aborts. Resigning does not abort it.
   *
   * Read it anew before each step of a leader's work: reading compares with the clock, which a process that was frozen
   * needs, since its timers are late.
   */
  get lost(): AbortSignal {
    if (this.#lock.lost.aborted) this.end(this.#lock.lost.reason);
    return this.#over.signal;
  }

  /**
   * Lets another one lead. Idempotent.
   *
   * @param options.coolDown For so many milliseconds, campaigns of the same `Election` wait, so that others have the first
   * choice. Default 0.
   * @throws {KvError} `KV_UNAVAILABLE` or `KV_TIMEOUT` if the server could not be told. The term then ends with its `ttl`.
   */
  resign({ coolDown = 0 }: { readonly coolDown?: number } = {}): Promise<void> {
    if (this.#resigned === undefined) this.#onResign(coolDown);
    this.#resigned ??= this.#lock.release();
    return this.#resigned;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.resign();
  }

  /** @internal */
  end(reason: unknown): void {
    this.#over.abort(reason);
  }
}
