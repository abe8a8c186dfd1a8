import type { CallOptions } from '../call.ts';
import type { CallName, Connection } from '../connection.ts';
import type { DriverHold } from '../driver.ts';
import { KvError } from '../error.ts';
import type { Session } from '../session.ts';
import type { Condition } from '../transaction.ts';

/** How a lock is to be held. */
export interface TryLockOptions extends CallOptions {
  /**
   * Milliseconds after which the lock of a process that has died is free again, as `capabilities.session` has it. Default
   * 15,000.
   */
  readonly ttl?: number | undefined;
  /** Shown to others by `lockHolder`: who holds it, for instance. Default: empty. */
  readonly value?: string | undefined;
}

/** How a lock is to be waited for, and held. */
export interface LockOptions extends TryLockOptions {
  /** How many milliseconds to wait for the lock before `KV_TIMEOUT`. Default: as long as it takes. */
  readonly wait?: number | undefined;
}

/** A lock that is held. Release it, or dispose of it with `await using`. */
export class Lock implements AsyncDisposable {
  /** Canonical, relative to the namespace. */
  readonly key: string;
  /**
   * The fencing token: greater than that of every earlier holder. Hand it to what the lock protects, and have that refuse
   * a smaller one than it has seen: no lock can stop a holder that was frozen from waking up too late.
   */
  readonly token: bigint;
  /** For `transaction`: true at the server as long as the lock is held. */
  readonly condition: Condition;
  readonly #connection: Connection;
  readonly #session: Session;
  readonly #hold: DriverHold;
  readonly #lost = new AbortController();
  #released: Promise<void> | undefined;

  /** @internal Use `store.lock()`. */
  constructor(connection: Connection, key: string, condition: Condition, session: Session, hold: DriverHold) {
    this.key = key;
    this.token = hold.token;
    this.condition = condition;
    this.#connection = connection;
    this.#session = session;
    this.#hold = hold;
    session.lost.addEventListener('abort', () => this.#lose(session.lost.reason), { once: true });
    if (session.lost.aborted) this.#lose(session.lost.reason);
    void hold.lost.then(() => this.#lose(lostError()));
  }

  /**
   * Aborts when the lock is no longer held, or may no longer be: before another client can hold it, unless the server
   * ended the session by force. See `Session.lost`; releasing does not abort it, closing the store does.
   */
  get lost(): AbortSignal {
    // Reading compares the session's deadline with the clock.
    if (this.#released === undefined && this.#session.lost.aborted) this.#lose(this.#session.lost.reason);
    return this.#lost.signal;
  }

  /**
   * Gives the lock to the next waiter. Idempotent.
   *
   * @throws {KvError} `KV_UNAVAILABLE` or `KV_TIMEOUT` if the server could not be told. The lock is then free once its
   * `ttl` has passed.
   */
  release(): Promise<void> {
    this.#released ??= this.#release();
    return this.#released;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.release();
  }

  async #release(): Promise<void> {
    if (this.#lost.signal.aborted) return this.#session.close();
    try {
      const name: CallName = { operation: 'lock.release', key: this.key, write: false };
      await this.#connection.finish(name, {}, (_, call) => this.#hold.release(call));
    } finally {
      await this.#session.close();
    }
  }

  #lose(reason: unknown): void {
    if (this.#released === undefined) this.#lost.abort(reason);
  }
}

function lostError(): KvError {
  return new KvError('KV_SESSION_LOST', 'the lock was taken away: its entry is gone from the server', {
    outcome: 'not-applied',
  });
}
