import { backoff } from './backoff.ts';
import { Call, type CallOptions, settle } from './call.ts';
import type { Awaitable, CallContext, Driver } from './driver.ts';
import { checkDuration } from './duration.ts';
import { KvError } from './error.ts';
import { sleep } from './sleep.ts';
import { type CallTrace, callChannel, type StatusTrace, statusChannel } from './tracing.ts';
import type { SharedWatch } from './watch/shared-watch.ts';

/**
 * `connected`: as far as the store knows, the server answers. `reconnecting`: a watch or a session has lost the server and
 * tries again; reads and writes are still sent. `closed`: for good.
 */
export type Status = 'connected' | 'reconnecting' | 'closed';

/** What a call is called in errors and traces. */
export interface CallName {
  readonly operation: string;
  /** As the caller knows it. */
  readonly key?: string;
  /** As the driver knows it. */
  readonly storedKey?: string;
  /** False where sending it twice does no harm. */
  readonly write: boolean;
}

/** Something open that ends with the store. */
export interface OpenPart {
  /** Tells whoever relies on it, and only then the server. */
  end(reason: KvError): Promise<void>;
}

/** One driver, and everything that the views of a store (namespaces, codecs) share. */
export class Connection {
  readonly driver: Driver;
  readonly driverName: string;
  readonly timeout: number;
  /** Ends everything that waits without a deadline of its own. */
  readonly closing = new AbortController();
  readonly watches = new Map<string, SharedWatch>();
  readonly #open = new Set<OpenPart>();
  readonly #running = new Set<Promise<unknown>>();
  readonly #impaired = new Set<object>();
  #status: Status = 'connected';
  #closed: Promise<void> | undefined;

  constructor(driver: Driver, driverName: string, timeout: number) {
    this.driver = driver;
    this.driverName = driverName;
    this.timeout = timeout;
  }

  get status(): Status {
    return this.#status;
  }

  /**
   * Makes a call: with a deadline, with retries where they are safe, traced, its errors named.
   *
   * @param attempt Sends one request. It may be called several times.
   * @param late Gets the result of an attempt that came after the call had given up.
   */
  run<T>(
    name: CallName,
    options: CallOptions,
    attempt: (driver: Driver, call: CallContext) => Awaitable<T>,
    late?: (result: T) => void,
  ): Awaitable<T> {
    this.checkOpen(name);
    return this.finish(name, options, attempt, late);
  }

  /** As `run`, also while the store closes: for what releases something. */
  finish<T>(
    name: CallName,
    options: CallOptions,
    attempt: (driver: Driver, call: CallContext) => Awaitable<T>,
    late?: (result: T) => void,
  ): Awaitable<T> {
    if (options.signal?.aborted) throw options.signal.reason;
    const call = new Call(this.timeoutOf(name, options), options.signal);
    if (!callChannel.hasSubscribers) return this.#run(name, call, undefined, attempt, late);
    const trace: CallTrace = { driver: this.driverName, operation: name.operation, key: name.storedKey, retries: 0 };
    return callChannel.tracePromise(async () => this.#run(name, call, trace, attempt, late), trace);
  }

  #run<T>(
    name: CallName,
    call: Call,
    trace: CallTrace | undefined,
    attempt: (driver: Driver, call: CallContext) => Awaitable<T>,
    late: ((result: T) => void) | undefined,
  ): Awaitable<T> {
    let result: Awaitable<T>;
    try {
      result = attempt(this.driver, call);
      if (!(result instanceof Promise)) return result;
    } catch (error) {
      result = Promise.reject(error);
    }
    const finished = this.#attempts(name, call, trace, result, attempt, late);
    this.#running.add(finished);
    const forget = () => this.#running.delete(finished);
    finished.then(forget, forget);
    return finished;
  }

  async #attempts<T>(
    name: CallName,
    call: Call,
    trace: CallTrace | undefined,
    first: Promise<T>,
    attempt: (driver: Driver, call: CallContext) => Awaitable<T>,
    late: ((result: T) => void) | undefined,
  ): Promise<T> {
    for (let retry = 0, pending = first; ; retry++) {
      try {
        return await settle(pending, call, late);
      } catch (error) {
        if (call.userSignal?.aborted && error === call.userSignal.reason) throw error;
        const told = this.tell(error, name);
        call.failure = told;
        const pause = backoff(retry);
        // Over: a timer may fire a little before the deadline that it is for.
        if (!told.retryable || call.isOver || performance.now() + pause >= call.deadline) {
          call.cancel(told);
          throw told;
        }
        await sleep(pause, call.userSignal);
        if (trace !== undefined) trace.retries = retry + 1;
        pending = (async () => attempt(this.driver, call))();
      }
    }
  }

  /** One request of the store's own: with a deadline, neither traced nor sent again. */
  async request<T>(
    name: CallName,
    options: CallOptions,
    attempt: (driver: Driver, call: CallContext) => Awaitable<T>,
  ): Promise<T> {
    options.signal?.throwIfAborted();
    const call = new Call(this.timeoutOf(name, options), options.signal);
    try {
      return await settle((async () => attempt(this.driver, call))(), call);
    } catch (error) {
      throw options.signal?.aborted ? error : this.tell(error, name);
    }
  }

  /** Any error as a `KvError` that names the call. */
  tell(error: unknown, name: CallName): KvError {
    const known = KvError.is(error)
      ? error
      : new KvError('KV_INTERNAL', 'the driver failed in an unexpected way', { outcome: 'unknown', cause: error });
    return known.within({ ...name, driver: this.driverName });
  }

  timeoutOf(name: CallName, { timeout = this.timeout }: CallOptions): number {
    try {
      return checkDuration('timeout', timeout);
    } catch (error) {
      throw this.tell(error, name);
    }
  }

  /** @throws {KvError} `KV_CLOSED`. */
  checkOpen(name: CallName): void {
    if (this.#closed !== undefined) throw this.tell(closedError(), name);
  }

  /** Says that `part`, a watch or a session, has lost the server. */
  impair(part: object, error: unknown): void {
    this.#impaired.add(part);
    this.#setStatus('reconnecting', error);
  }

  /** Says that `part` has the server again, or is over. */
  recover(part: object): void {
    if (this.#impaired.delete(part) && this.#impaired.size === 0) this.#setStatus('connected');
  }

  #setStatus(status: Status, error?: unknown): void {
    if (this.#status === status || this.#status === 'closed') return;
    this.#status = status;
    const trace: StatusTrace = { driver: this.driverName, status, ...(error === undefined ? {} : { error }) };
    statusChannel.publish(trace);
  }

  /** Has `close` end it. */
  adopt(part: OpenPart): void {
    this.#open.add(part);
  }

  disown(part: OpenPart): void {
    this.#open.delete(part);
  }

  /** Has `close` wait for work that goes on behind a call that was given up. Its failure is nobody's any more. */
  background(work: Promise<unknown>): void {
    this.#running.add(work);
    const forget = () => this.#running.delete(work);
    work.then(forget, forget);
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    // Even the first step waits, so that every call made before this one has been registered.
    await null;
    const reason = closedError();
    this.closing.abort(reason);
    for (const watch of [...this.watches.values()]) watch.close();
    // A call that is under way may still open something.
    while (this.#open.size + this.#running.size > 0) {
      await Promise.allSettled([...this.#open].map((part) => part.end(reason)));
      await Promise.allSettled(this.#running);
    }
    this.#setStatus('closed');
    await this.driver.close();
  }
}

function closedError(): KvError {
  return new KvError('KV_CLOSED', 'the store is closed', { outcome: 'not-applied' });
}
