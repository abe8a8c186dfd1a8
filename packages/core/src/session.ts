import { backoff } from './backoff.ts';
import type { CallOptions } from './call.ts';
import type { CallName, Connection } from './connection.ts';
import type { Awaitable, DriverSession } from './driver.ts';
import { longestTimer } from './duration.ts';
import { KvError } from './error.ts';
import { sleep } from './sleep.ts';

/** How a session is to be opened. */
export interface SessionOptions extends CallOptions {
  /**
   * Milliseconds that the server keeps the session without hearing of it. Default 15,000. What is below the backend's
   * minimum is rounded up to it. Bounds: `capabilities.session`.
   */
  readonly ttl?: number | undefined;
}

/**
 * A lease that renews itself. What is written with `{ session }` disappears when it ends: at once with `close()`, and
 * within `ttl * capabilities.session.latestFactor` milliseconds after its process has died.
 *
 * It keeps the process alive until it is closed or lost.
 */
export class Session implements AsyncDisposable {
  readonly #connection: Connection;
  readonly #stored: DriverSession;
  readonly #lost = new AbortController();
  readonly #over = new AbortController();
  readonly #writes = new Set<Promise<unknown>>();
  #givenUpAt = 0;
  #deadline: NodeJS.Timeout | undefined;
  #closed: Promise<void> | undefined;

  /** @internal Use `store.session()`. @param sentAt When the request that opened it was sent. */
  constructor(connection: Connection, stored: DriverSession, sentAt: number) {
    this.#connection = connection;
    this.#stored = stored;
    connection.adopt(this);
    this.#confirm(sentAt);
    void this.#keepAlive();
  }

  /** The server's name for it. */
  get id(): string {
    return this.#stored.id;
  }

  /** The effective time to live in milliseconds. */
  get ttl(): number {
    return this.#stored.ttl;
  }

  /**
   * Aborts, with a `KV_SESSION_LOST` as its reason, when the server says that the session is gone, or when the local
   * clock says that it may be: a tenth of `ttl`, at most a second, before `ttl` has passed since the sending of the last
   * renewal that was confirmed. With `KV_CLOSED`, when the store is closed: before the server is told. `close()` of the
   * session itself does not abort it.
   *
   * Read it anew before each step that depends on it: reading compares with the clock, which a process that was frozen
   * needs, since its timers are late.
   */
  get lost(): AbortSignal {
    this.#checkClock();
    return this.#lost.signal;
  }

  /**
   * Ends the session and removes its keys, once the writes with `{ session }` that are under way have finished. Idempotent.
   *
   * @throws {KvError} `KV_UNAVAILABLE` or `KV_TIMEOUT` if the server could not be told. The session then ends by itself,
   * since nothing renews it any more.
   */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** @internal */
  async end(reason: KvError): Promise<void> {
    this.#lost.abort(reason);
    await this.close();
  }

  /** @internal The driver's session behind `session`, if a write on `connection` may be bound to it. */
  static stored(session: Session, connection: Connection): DriverSession {
    if (!(session instanceof Session) || session.#connection !== connection) {
      throw new KvError('KV_INVALID_ARGUMENT', '`session` must be a session of the same store', {
        outcome: 'not-applied',
      });
    }
    session.lost.throwIfAborted();
    if (session.#closed !== undefined) throw lostError('it was closed');
    return session.#stored;
  }

  /** @internal Has `close` wait for a write that is bound to `session`: the server would refuse it. */
  static awaits(session: Session | undefined, write: Awaitable<unknown>): void {
    if (session === undefined || !(write instanceof Promise)) return;
    session.#writes.add(write);
    const forget = () => session.#writes.delete(write);
    write.then(forget, forget);
  }

  get #renewAfter(): number {
    return Math.min(this.ttl / 3, longestRenewal);
  }

  /** The server counts from `sentAt` or later. */
  #confirm(sentAt: number): void {
    this.#connection.recover(this);
    this.#givenUpAt = sentAt + this.ttl - Math.min(longestMargin, this.ttl * marginPart);
    this.#watchClock();
  }

  #watchClock(): void {
    clearTimeout(this.#deadline);
    const left = Math.max(1, Math.ceil(this.#givenUpAt - performance.now()));
    this.#deadline = setTimeout(
      () => {
        this.#checkClock();
        // Timers fire a little early at times, and are capped.
        if (!this.#over.signal.aborted) this.#watchClock();
      },
      Math.min(longestTimer, left),
    );
  }

  async #keepAlive(): Promise<void> {
    const { signal } = this.#over;
    for (let failures = 0; ; ) {
      try {
        await sleep(failures === 0 ? this.#renewAfter : backoff(failures), signal);
        const sentAt = performance.now();
        // Short enough that a request on a dead connection leaves time for another one.
        const timeout = Math.max(1, Math.min(this.#renewAfter, this.#givenUpAt - sentAt));
        await this.#connection.request(renewal, { timeout, signal }, (_, call) => this.#stored.renew(call));
        this.#confirm(sentAt);
        failures = 0;
      } catch (error) {
        if (signal.aborted) return;
        if (KvError.is(error, 'KV_SESSION_LOST')) return this.#lose(error);
        this.#connection.impair(this, error);
        failures++;
      }
    }
  }

  #checkClock(): void {
    if (this.#over.signal.aborted || performance.now() < this.#givenUpAt) return;
    this.#lose(lostError(`no renewal was confirmed in time: the server may have ended it after ${this.ttl} ms`));
  }

  #lose(reason: KvError): void {
    this.#stop();
    this.#lost.abort(reason);
    // The server may still have it, and others wait for its keys.
    this.#connection.background(this.#endStored());
  }

  async #close(): Promise<void> {
    await Promise.allSettled(this.#writes);
    if (this.#over.signal.aborted) return;
    this.#stop();
    await this.#endStored();
  }

  #stop(): void {
    this.#over.abort();
    clearTimeout(this.#deadline);
    this.#connection.recover(this);
    this.#connection.disown(this);
  }

  async #endStored(): Promise<void> {
    await this.#connection.finish(closing, {}, (_, call) => this.#stored.close(call));
  }
}

/** The part of `ttl` by which this side gives up before the server may: it covers timers that fire late. */
const marginPart = 0.1;
const longestMargin = 1_000;
/** Also a session of days is renewed every hour: a lost one is noticed by then. */
const longestRenewal = 3_600_000;

const renewal: CallName = { operation: 'session.renew', write: false };
const closing: CallName = { operation: 'session.close', write: false };

function lostError(detail: string): KvError {
  return new KvError('KV_SESSION_LOST', `the session is gone: ${detail}`, { outcome: 'not-applied' });
}
