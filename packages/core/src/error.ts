/**
 * Why a call failed. The list is closed within a major version; programs decide by code, never by message.
 *
 * | code | meaning | what to do |
 * |---|---|---|
 * | `KV_INVALID_KEY` | the key or directory breaks a rule of the key syntax; the message names the rule | fix the caller |
 * | `KV_INVALID_ARGUMENT` | another argument or option is out of its range, or two of them exclude each other | fix the caller |
 * | `KV_KEY_NOT_FOUND` | `atomicPut` or `atomicDelete` expected a pair, and there is none | read again |
 * | `KV_KEY_EXISTS` | `atomicPut` with `null` found a pair | read again |
 * | `KV_KEY_MODIFIED` | the pair has another revision than the one expected | read again |
 * | `KV_VALUE_TOO_LARGE` | the value is over the backend's limit; nothing was sent | store it elsewhere |
 * | `KV_DECODE_FAILED` | the stored bytes are not what the codec accepts | look at the key and revision in the error |
 * | `KV_UNSUPPORTED` | the backend, or this server's configuration, cannot do it; nothing was sent | see `store.capabilities` |
 * | `KV_UNAVAILABLE` | no server answered | try again later |
 * | `KV_TIMEOUT` | no answer within the deadline, or a lock not obtained within `wait` | try again later |
 * | `KV_SESSION_LOST` | the session that the call needs has ended | open a new session |
 * | `KV_PERMISSION_DENIED` | the server refused the credentials, or they do not suffice | fix the credentials |
 * | `KV_CLOSED` | the store was closed | |
 * | `KV_INTERNAL` | the server or the driver did what it should not; `cause` has the original error | report it |
 */
export type KvErrorCode =
  | 'KV_INVALID_KEY'
  | 'KV_INVALID_ARGUMENT'
  | 'KV_KEY_NOT_FOUND'
  | 'KV_KEY_EXISTS'
  | 'KV_KEY_MODIFIED'
  | 'KV_VALUE_TOO_LARGE'
  | 'KV_DECODE_FAILED'
  | 'KV_UNSUPPORTED'
  | 'KV_UNAVAILABLE'
  | 'KV_TIMEOUT'
  | 'KV_SESSION_LOST'
  | 'KV_PERMISSION_DENIED'
  | 'KV_CLOSED'
  | 'KV_INTERNAL';

/** Whether a failed write took effect: it surely did not, or nobody on this side of the network can know. */
export type Outcome = 'not-applied' | 'unknown';

/** What a `KvError` can carry beside its code and message. */
export interface KvErrorDetails {
  /** Default: `false`. */
  readonly retryable?: boolean;
  /** For writes. Defaults to `'not-applied'`: say `'unknown'` as soon as the request may have reached the server. */
  readonly outcome?: Outcome;
  readonly operation?: string | undefined;
  readonly key?: string | undefined;
  readonly driver?: string | undefined;
  /** The revision of the pair that could not be decoded. */
  readonly revision?: string | undefined;
  /** The client library's own error. */
  readonly cause?: unknown;
}

// Survives duplicate installs of this package in one process.
const brand: unique symbol = Symbol.for('@kv/core/KvError') as never;

/**
 * The one error class of the library. The message says what was tried, on what, and what went wrong; it never
 * contains a value, a password or a token.
 */
export class KvError extends Error {
  readonly code: KvErrorCode;
  /** The same call, sent again, may succeed and cannot take effect twice. */
  readonly retryable: boolean;
  /** On writes: whether the write took effect. `undefined` on reads. */
  readonly outcome: Outcome | undefined;
  /** The call that failed, by its name on `Store`; in an `update`, the `get` or `atomicPut` that it made. */
  readonly operation: string | undefined;
  /** The key or directory as the caller knows it (canonical, relative to the namespace). */
  readonly key: string | undefined;
  readonly driver: string | undefined;
  /** On `KV_DECODE_FAILED`: the revision of the pair. */
  readonly revision: string | undefined;
  readonly #detail: string;

  /** @param detail What went wrong, without the call and the key: those are put before it once they are known. */
  constructor(code: KvErrorCode, detail: string, details: KvErrorDetails = {}) {
    const { operation, key, driver } = details;
    const subject = key === undefined ? operation : `${operation} ${JSON.stringify(key)}`;
    const on = driver === undefined ? '' : ` on ${driver}`;
    super(
      operation === undefined ? detail : `${subject}${on}: ${detail}`,
      details.cause === undefined ? undefined : { cause: details.cause },
    );
    this.name = 'KvError';
    this.code = code;
    this.retryable = details.retryable ?? false;
    this.outcome = details.outcome;
    this.operation = operation;
    this.key = key;
    this.driver = driver;
    this.revision = details.revision;
    this.#detail = detail;
  }

  get [brand](): true {
    return true;
  }

  /** True for a `KvError` of any copy of this package, with that code where one is given. */
  static is(error: unknown, code?: KvErrorCode): error is KvError {
    return (
      typeof error === 'object' &&
      error !== null &&
      brand in error &&
      (code === undefined || (error as KvError).code === code)
    );
  }

  /** The same failure, told with the call it happened in; of a call within a call, with the outer one. */
  within(call: {
    readonly operation: string;
    readonly key?: string | undefined;
    readonly driver: string;
    readonly write: boolean;
  }): KvError {
    const outcome = call.write ? (this.outcome ?? 'not-applied') : undefined;
    const error = new KvError(this.code, this.#detail, {
      retryable: this.retryable && outcome !== 'unknown',
      ...(outcome === undefined ? {} : { outcome }),
      operation: call.operation,
      key: call.key,
      driver: call.driver,
      revision: this.revision,
      cause: this.cause,
    });
    if (this.stack !== undefined) error.stack = `${error.name}: ${error.message}${stackFrames(this.stack)}`;
    return error;
  }
}

function stackFrames(stack: string): string {
  const start = stack.indexOf('\n    at ');
  return start === -1 ? '' : stack.slice(start);
}
