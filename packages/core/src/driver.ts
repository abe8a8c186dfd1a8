import type { Capabilities } from './capabilities.ts';
import type { KvError } from './error.ts';

/*
 * The contract between @kv/core and a backend. Users never see it; they see `Store`.
 *
 * WHAT CORE HAS DONE before a driver is called, so that no driver does it again:
 *   - keys and directories are canonical (see key.ts), with the namespace in front; `''` is the directory of everything;
 *   - values are bytes and not over `capabilities.maxValueBytes`, those of a transaction together not over its `maxBytes`;
 *   - options are checked against `capabilities`: nothing that the driver declares as `false` ever arrives;
 *   - a time to live is within the declared range, rounded up to its minimum;
 *   - the store is not closed, and the caller's signal was not aborted.
 *
 * WHAT CORE DOES AROUND A CALL:
 *   - it gives up at the deadline and on abort, whatever the driver does, and ignores what comes later. A driver must
 *     still end its own request then (`call.signal`), since nobody else can free the socket;
 *   - it sends reads again, and writes that failed with `retryable: true` and outcome `not-applied`, until the deadline.
 *     A driver sends each request once;
 *   - it names the call, the key and the driver in errors.
 *
 * ERRORS. A driver throws `KvError` only, without operation, key or driver. Everything that its client library can
 * throw, reject with or emit is turned into one:
 *   - no server could be reached, the connection broke, there is no leader: `KV_UNAVAILABLE`, `retryable: true`;
 *   - the server refused the credentials: `KV_PERMISSION_DENIED`;
 *   - the request may have been applied though it failed: `outcome: 'unknown'` (then `retryable` is false on a write);
 *     it surely was not: `outcome: 'not-applied'`;
 *   - a session that the server does not know any more: `KV_SESSION_LOST`, `not-applied`;
 *   - what should not happen: `KV_INTERNAL`, with `cause`.
 * Messages contain no value, password or token. Nothing is thrown outside of a call: no stray rejection, no `error` event.
 *
 * LINEARIZABILITY. Writes are linearizable. Reads are, unless `consistency` is `'stale'`. What a call has acknowledged
 * survives the crash of the server that acknowledged it.
 */

/** A value, or a promise of it. A driver that has the answer at hand returns it, and saves core a timer. */
export type Awaitable<T> = T | Promise<T>;

/** What a backend's function (`etcd(options)`) returns: all that is needed to connect, and no connection yet. */
export interface DriverFactory {
  /** Names the backend in errors and traces: `etcd`. */
  readonly name: string;
  /** The version of this contract that the driver was written for. `openStore` refuses another. */
  readonly driverApi: 1;
  /**
   * Connects, and resolves once the server has answered: credentials are accepted, the server's configuration is known to
   * `capabilities`. A failed or aborted connect leaves nothing open. Each call makes a client of its own.
   */
  connect(call: CallContext): Promise<Driver>;
}

/** How long a call may take, and when it is over. */
export interface CallContext {
  /** Aborts when the caller gave up, and at the deadline. Made when first read: do not read it where nothing can be cancelled. */
  readonly signal: AbortSignal;
  /** When core gives up, on the clock of `performance.now()`, in milliseconds. */
  readonly deadline: number;
}

/** A pair as the driver stores it. */
export interface StoredPair {
  readonly key: string;
  /** Bytes that nobody else modifies: the driver keeps no writable reference. */
  readonly value: Uint8Array;
  /**
   * Not empty; equal only if the pair has not changed, also across delete, re-creation and restarts of the server. A write
   * of what is there already may leave it as it is.
   */
  readonly revision: string;
  /** Greater for a key that was created later; keys created in one transaction may share it. */
  readonly createRevision: bigint;
  /** On pairs that a write with a time to live returns: the effective one in milliseconds. */
  readonly ttl?: number;
}

/** Whether a read has to see every write that was acknowledged before it. */
export type Consistency = 'linearizable' | 'stale';

/**
 * What ends a pair by itself. With neither, the pair is permanent, whatever it was before; with another than before,
 * only the new one counts. Never both.
 */
export interface Lifetime {
  /** Milliseconds after which the key expires by itself. */
  readonly ttl?: number;
  /** The session whose end removes the key. */
  readonly session?: DriverSession;
}

/** Which pairs, or keys, of a directory are wanted. */
export interface ListRequest {
  /** False: only the keys that have one segment more than the directory. */
  readonly recursive: boolean;
  /** Only keys that come after this one in the order of UTF-8 bytes. */
  readonly after?: string;
  /** At most so many, at least 1. Without it: all. */
  readonly limit?: number;
  readonly consistency: Consistency;
  /** The `next` of the page before, of the same request but for `after`. */
  readonly cursor?: unknown;
}

/** One answer to a {@link ListRequest}. */
export interface ListPage<Item> {
  /** In the order of the UTF-8 bytes of their keys, without the directory itself. */
  readonly items: readonly Item[];
  /**
   * Absent on the last page. Else whatever the driver wants back as `cursor` to go on where this page ended: the
   * revision of the snapshot, the names that are still to be read. It may hold no server resource. A page may be
   * shorter than `limit`, even empty, and have a `next`.
   */
  readonly next?: unknown;
}

/** What must hold for a transaction: the pair has that revision, or the key exists or not. */
export type StoredCondition =
  | { readonly key: string; readonly revision: string }
  | { readonly key: string; readonly exists: boolean };

/** One write of a transaction. */
export type StoredOperation =
  | { readonly type: 'put'; readonly key: string; readonly value: Uint8Array; readonly lifetime: Lifetime }
  | { readonly type: 'delete'; readonly key: string };

/** What became of a transaction. */
export interface StoredTransactionResult {
  readonly committed: boolean;
  /** If committed: for each operation the new pair, `undefined` for a delete. */
  readonly pairs: readonly (StoredPair | undefined)[];
}

/** One connection to a backend. */
export interface Driver {
  /** Frozen. */
  readonly capabilities: Capabilities;

  /** @returns The pair, or `undefined` if there is none. */
  get(key: string, consistency: Consistency, call: CallContext): Awaitable<StoredPair | undefined>;

  /** In the order of `keys`, `undefined` for those that are absent. Without this member core calls `get` for each. */
  getMany?(
    keys: readonly string[],
    consistency: Consistency,
    call: CallContext,
  ): Awaitable<readonly (StoredPair | undefined)[]>;

  /** Linearizable. Does not transfer the value where the protocol lets it. */
  exists(key: string, call: CallContext): Awaitable<boolean>;

  /**
   * Creates or replaces value and lifetime. Children of the key stay as they are.
   * @returns The new pair. Its revision is that of this very write, not of a later one.
   */
  put(key: string, value: Uint8Array, lifetime: Lifetime, call: CallContext): Awaitable<StoredPair>;

  /**
   * As `put`, if the pair still has the revision `previous`; `null`: if there is none.
   * @throws `KV_KEY_EXISTS`, `KV_KEY_MODIFIED`, `KV_KEY_NOT_FOUND`, each `not-applied`.
   */
  atomicPut(
    key: string,
    value: Uint8Array,
    previous: string | null,
    lifetime: Lifetime,
    call: CallContext,
  ): Awaitable<StoredPair>;

  /** Removes the key and leaves its children. @returns Whether it existed. */
  delete(key: string, call: CallContext): Awaitable<boolean>;

  /** @throws `KV_KEY_MODIFIED`, `KV_KEY_NOT_FOUND`, each `not-applied`. */
  atomicDelete(key: string, previous: string, call: CallContext): Awaitable<void>;

  /** What is below the directory. An absent directory is empty. `'a'` never sees `'ab'`, nor `'a'` itself. */
  list(directory: string, request: ListRequest, call: CallContext): Awaitable<ListPage<StoredPair>>;

  /** As `list`, the names alone: does not transfer values where the protocol lets it. */
  keys(directory: string, request: ListRequest, call: CallContext): Awaitable<ListPage<string>>;

  /** Removes exactly what `list` would list, in one step where `capabilities.atomicTrees`. */
  deleteTree(directory: string, call: CallContext): Awaitable<void>;

  /**
   * Applies all operations in one step if all conditions hold, else none. A key is the subject of one operation at most.
   * Present exactly if `capabilities.transaction` is not `false`.
   */
  transaction?(
    conditions: readonly StoredCondition[],
    operations: readonly StoredOperation[],
    call: CallContext,
  ): Awaitable<StoredTransactionResult>;

  /**
   * Follows one key, or all keys below a directory. Returns at once and reports to the sink:
   *
   *   1. a snapshot, linearizable and read after this call, also where nothing exists;
   *   2. every later change, in order; or another snapshot, where changes cannot be told any more (compaction) or where
   *      the backend only tells that something changed.
   *
   * A driver follows what it can follow without loss by itself, and ends the watch when its transport fails: core calls
   * again, with a back-off, and compares the new snapshot with what it has. An open but silent connection counts as failed
   * after 10 seconds at the latest.
   *
   * After `signal` has aborted, or `ended` has settled, nothing is reported any more, and everything that the watch held is
   * freed.
   */
  watch(target: WatchTarget, sink: WatchSink, signal: AbortSignal): DriverWatch;

  /**
   * Opens a session that the server ends `ttl` milliseconds after the last renewal, and not before. If `call.signal`
   * aborts while the request is under way, a session that comes of it is closed by core as soon as this resolves.
   */
  openSession(ttl: number, call: CallContext): Promise<DriverSession>;

  /** The backend's own lock protocol, in place of core's (see lock/queue-lock.ts). */
  readonly lock?: DriverLock;

  /**
   * Frees everything: sockets, timers, watches. Called once, after the last call has settled, watches have been aborted and
   * sessions closed. It does not throw, and returns in time whether or not the server answers.
   */
  close(): Promise<void>;
}

/** What a watch follows: one key, or everything below a directory. */
export type WatchTarget = { readonly key: string } | { readonly directory: string };

/** Where a driver's watch reports to; calls of it do not throw. */
export interface WatchSink {
  /** The whole state of the target now. For a key: one pair or none. In any order. */
  snapshot(pairs: readonly StoredPair[]): void;
  /** What changed since the last report, in order. Several changes of one key stay several. */
  changes(changes: readonly StoredChange[]): void;
  /**
   * For a driver that resumes without loss by itself when its transport has failed: from now on reports may be late, until
   * the next one. With nothing to report, that is an empty list of changes.
   */
  interrupted(error: KvError): void;
}

/** One change of one key. */
export interface StoredChange {
  readonly key: string;
  /** Absent: the key was deleted, or expired. */
  readonly pair?: StoredPair;
}

/** A watch that a driver has begun. */
export interface DriverWatch {
  /**
   * Rejects when the watch cannot go on: `retryable: true` where calling `watch` again may help. Resolves after the signal
   * has aborted, once everything is freed.
   */
  readonly ended: Promise<void>;
  /**
   * Resolves once everything that was committed before this call has been reported to the sink. This is what gives a watcher
   * that joins later the state at its start. Never resolves early; rejects where it cannot know.
   */
  catchUp(call: CallContext): Promise<void>;
}

/** A session as the server knows it. Core renews it, and measures with its own clock how long it may still be believed. */
export interface DriverSession {
  readonly id: string;
  /** The effective time to live in milliseconds. */
  readonly ttl: number;
  /**
   * Asks the server to count from now again. Resolves when the server has confirmed.
   * @throws `KV_SESSION_LOST` if the server does not know it any more.
   */
  renew(call: CallContext): Promise<void>;
  /** Ends it, and removes its keys, at once. No write with it is under way, unless it was lost. No error if it has ended already. */
  close(call: CallContext): Promise<void>;
}

/** Which lock is wanted, and for whom. */
export interface LockRequest {
  readonly key: string;
  /** Told to others by `holder`. */
  readonly value: Uint8Array;
  /** Its end ends the hold, or the wait. One session takes one lock. */
  readonly session: DriverSession;
  /** Whether to wait for it. False: `undefined` at once where the lock is held. */
  readonly wait: boolean;
}

/** A lock protocol of a backend's own. */
export interface DriverLock {
  /**
   * Takes the lock, or waits for it until `signal` aborts. While it waits, a failed transport is a reason to wait on, not to
   * throw; a lost session is a reason to throw `KV_SESSION_LOST`. When it throws, nothing is left in the queue, or will be gone
   * with the session, which core closes then. Each of its requests is bounded by `timeout` milliseconds.
   */
  acquire(
    request: LockRequest,
    context: { readonly signal: AbortSignal; readonly timeout: number },
  ): Promise<DriverHold | undefined>;
  /** @returns Who holds the lock, or `undefined` if it is free. */
  holder(key: string, call: CallContext): Promise<{ readonly value: Uint8Array; readonly token: bigint } | undefined>;
}

/** A lock that is held. */
export interface DriverHold {
  /** Greater than that of every earlier holder of this lock. */
  readonly token: bigint;
  /** True as long as the lock is held; to be checked by the server within a transaction. */
  readonly condition: StoredCondition;
  /** Resolves when the server says that the lock is not held any more, though nobody released it here. Never rejects. */
  readonly lost: Promise<void>;
  /** Core closes the session after it, whether or not it succeeded. */
  release(call: CallContext): Promise<void>;
}
