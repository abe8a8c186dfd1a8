/** A range of durations in milliseconds, and how late the backend may act on them. */
export interface DurationLimits {
  /** A shorter duration is rounded up to this. */
  readonly minMs: number;
  /** A longer one is refused with `KV_INVALID_ARGUMENT`. */
  readonly maxMs: number;
  /**
   * What is to end after `t` milliseconds ends not before `t` and, while a server is up, at the latest after
   * `t * latestFactor`.
   */
  readonly latestFactor: number;
}

/**
 * What a backend can do, and its limits. Frozen data that the driver declares, and that holds for the life of the store.
 * `false` means: refused with `KV_UNSUPPORTED` before any I/O.
 */
export interface Capabilities {
  /** Keys that expire by themselves: `ttl` on a write, in milliseconds. */
  readonly ttl: DurationLimits | false;
  /** What to do at the server so that it can, where something is `false` only because of its configuration. */
  readonly unsupported?: { readonly ttl?: string };
  /** Sessions, and therefore locks. */
  readonly session: DurationLimits;
  readonly maxValueBytes: number;
  /**
   * `maxOperations` bounds the conditions and the operations of one transaction together, `maxBytes` the values that it
   * puts together. It may be less than `maxValueBytes`.
   */
  readonly transaction: { readonly maxOperations: number; readonly maxBytes: number } | false;
  /**
   * `every-change`: a watcher that keeps up sees each change. `latest-state`: changes that follow each other closely may
   * arrive as one.
   */
  readonly watch: 'every-change' | 'latest-state';
  readonly lock: {
    /** First come, first served, and one waiter woken per release. */
    readonly fair: boolean;
  };
  /**
   * `exact`: compare-and-set succeeds only if the pair is the very one that was read. `version`: a pair that was
   * deleted and created again in between, with as many writes, is taken for the one that was read.
   */
  readonly compareAndSet: 'exact' | 'version';
  /** Whether `deleteTree` and `list` see and leave no half state. */
  readonly atomicTrees: boolean;
}
