import type { CallContext } from './driver.ts';
import { KvError } from './error.ts';

/** What every call of a store takes. */
export interface CallOptions {
  /** Ends the call: it rejects with `signal.reason`. A request that was already sent may still take effect. Default: none. */
  readonly signal?: AbortSignal | undefined;
  /** The deadline of this call in milliseconds. Default: that of the store. */
  readonly timeout?: number | undefined;
}

/** One call: its deadline, and the signal that tells the driver to stop. */
export class Call implements CallContext {
  readonly deadline: number;
  readonly timeout: number;
  readonly userSignal: AbortSignal | undefined;
  /** What the last attempt failed with, if there was one. */
  failure: unknown;
  #controller: AbortController | undefined;
  #over: unknown;

  constructor(timeout: number, userSignal: AbortSignal | undefined) {
    this.timeout = timeout;
    this.deadline = performance.now() + timeout;
    this.userSignal = userSignal;
  }

  // Made on demand: a driver that answers at once never asks for it.
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#over !== undefined) this.#controller.abort(this.#over);
    }
    return this.#controller.signal;
  }

  /** Whether nobody waits any more. */
  get isOver(): boolean {
    return this.#over !== undefined;
  }

  /** Tells the driver that nobody waits any more. */
  cancel(reason: unknown): void {
    if (this.#over !== undefined) return;
    this.#over = reason;
    this.#controller?.abort(reason);
  }
}

/**
 * What `pending` settles to, or the caller's abort, or `KV_TIMEOUT` at the deadline, whichever comes first.
 *
 * @param late Gets the result that came after this had given up.
 */
export function settle<T>(pending: Promise<T>, call: Call, late?: (result: T) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    let waiting = true;
    const finish = () => {
      waiting = false;
      clearTimeout(timer);
      call.userSignal?.removeEventListener('abort', onAbort);
    };
    const giveUp = (reason: unknown) => {
      finish();
      call.cancel(reason);
      reject(reason);
    };
    const onAbort = () => giveUp(call.userSignal?.reason);
    const onDeadline = () =>
      giveUp(
        new KvError('KV_TIMEOUT', `no answer within ${call.timeout} ms`, {
          retryable: true,
          outcome: 'unknown',
          cause: call.failure,
        }),
      );
    const timer = setTimeout(onDeadline, Math.max(0, call.deadline - performance.now()));
    call.userSignal?.addEventListener('abort', onAbort, { once: true });
    if (call.userSignal?.aborted) onAbort();
    pending.then(
      (result) => {
        if (!waiting) return late?.(result);
        finish();
        resolve(result);
      },
      (error) => {
        if (!waiting) return;
        finish();
        reject(error);
      },
    );
  });
}
