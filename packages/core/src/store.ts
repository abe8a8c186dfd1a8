import type { CallOptions } from './call.ts';
import type { Capabilities } from './capabilities.ts';
import type { Codec } from './codec.ts';
import type { CallName, Connection, Status } from './connection.ts';
import { KvError } from './error.ts';
import { canonicalKey } from './key.ts';
import { type LifetimeOptions, lifetimeOf } from './lifetime.ts';
import { consistencyOf, type ListOptions, listAll, type ReadOptions, type ScanOptions, scanPages } from './listing.ts';
import { acquire, driverLock } from './lock/acquire.ts';
import type { Lock, LockOptions, TryLockOptions } from './lock/lock.ts';
import { openSession } from './open-session.ts';
import type { KVPair, Revision } from './pair.ts';
import { Session, type SessionOptions } from './session.ts';
import { sleep } from './sleep.ts';
import { storedTransaction, type TransactionRequest, type TransactionResult } from './transaction.ts';
import { View } from './view.ts';
import { KeyWatcher } from './watch/key-watcher.ts';
import { sharedLife } from './watch/shared-watch.ts';
import { type TreeState, TreeWatcher } from './watch/tree-watcher.ts';
import type { WatchIterator } from './watch/watcher.ts';

/** How long a pair is to live. */
export interface WriteOptions extends CallOptions, LifetimeOptions {}

/** How a watch ends. */
export interface WatchOptions {
  /** Ends the iteration. Default: none. */
  readonly signal?: AbortSignal | undefined;
}

/** Who holds a lock. */
export interface LockHolder {
  readonly value: string;
  /** The holder's fencing token. */
  readonly token: bigint;
}

/**
 * A key/value store that services coordinate through, whichever backend is behind it. See docs/guarantees.md for what
 * holds on every backend.
 *
 * All calls reject with a `KvError`, or with `signal.reason` when their `signal` aborts. Any call can fail with
 * `KV_UNAVAILABLE`, `KV_TIMEOUT`, `KV_PERMISSION_DENIED`, `KV_CLOSED`, `KV_INTERNAL`, and where it has a key with
 * `KV_INVALID_KEY`; what else it can fail with is said at each.
 *
 * @typeParam Out What values are when they are read.
 * @typeParam In What values may be when they are written. Default: what they are when read; for bytes also text.
 */
export class Store<Out = Uint8Array, In = Out extends Uint8Array ? Uint8Array | string : Out>
  implements AsyncDisposable
{
  readonly #connection: Connection;
  readonly #view: View<Out, In>;

  /** @internal Use `openStore()`. */
  constructor(view: View<Out, In>) {
    this.#connection = view.connection;
    this.#view = view;
  }

  /** What the backend can do, and its limits. */
  get capabilities(): Capabilities {
    return this.#connection.driver.capabilities;
  }

  /** Whether the store has its server, as far as its watches and sessions know. */
  get status(): Status {
    return this.#connection.status;
  }

  /**
   * Creates or replaces a pair: its value and its lifetime. Without `ttl` or `session` the key is permanent, whatever it
   * was before.
   *
   * @returns The new pair.
   * @throws {KvError} `KV_INVALID_ARGUMENT`, `KV_VALUE_TOO_LARGE`, `KV_UNSUPPORTED` (`ttl`), `KV_SESSION_LOST`.
   */
  async put(key: string, value: In, options: WriteOptions = {}): Promise<KVPair<Out>> {
    const name = this.#view.call('put', key, true);
    const encoded = this.#view.within(name, () => this.#view.encode(value));
    const lifetime = this.#view.within(name, () => lifetimeOf(options, this.#connection));
    const writing = this.#connection.run(name, options, (driver, call) =>
      driver.put(name.storedKey, encoded.bytes, lifetime, call),
    );
    Session.awaits(options.session, writing);
    const stored = await writing;
    return this.#view.written(stored, encoded);
  }

  /**
   * @returns The pair, or `undefined` if there is none.
   * @throws {KvError} `KV_DECODE_FAILED`.
   */
  async get(key: string, options: ReadOptions = {}): Promise<KVPair<Out> | undefined> {
    const name = this.#view.call('get', key, false);
    const consistency = this.#view.within(name, () => consistencyOf(options));
    const answer = this.#connection.run(name, options, (driver, call) => driver.get(name.storedKey, consistency, call));
    // Awaiting an answer that is there already would cost a twentieth of the whole call.
    const stored = answer instanceof Promise ? await answer : answer;
    return stored === undefined ? undefined : this.#view.pair(stored, name);
  }

  /**
   * Several pairs in the fewest requests that the backend allows; not one moment's state, unless that is one request.
   *
   * @returns For each key, in order, its pair or `undefined`.
   * @throws {KvError} `KV_DECODE_FAILED`.
   */
  async getMany(keys: readonly string[], options: ReadOptions = {}): Promise<(KVPair<Out> | undefined)[]> {
    const name: CallName = { operation: 'getMany', write: false };
    const storedKeys = keys.map((key) => this.#view.call('getMany', key, false).storedKey);
    const consistency = this.#view.within(name, () => consistencyOf(options));
    const stored = await this.#connection.run(name, options, (driver, call) =>
      driver.getMany === undefined
        ? Promise.all(storedKeys.map((key) => driver.get(key, consistency, call)))
        : driver.getMany(storedKeys, consistency, call),
    );
    return stored.map((pair) => (pair === undefined ? undefined : this.#view.pair(pair, name)));
  }

  /** @returns Whether the key exists. Does not transfer its value. */
  async exists(key: string, options: CallOptions = {}): Promise<boolean> {
    const name = this.#view.call('exists', key, false);
    return this.#connection.run(name, options, (driver, call) => driver.exists(name.storedKey, call));
  }

  /**
   * Removes a key, and leaves the keys below it.
   *
   * @returns Whether it existed.
   */
  async delete(key: string, options: CallOptions = {}): Promise<boolean> {
    const name = this.#view.call('delete', key, true);
    return this.#connection.run(name, options, (driver, call) => driver.delete(name.storedKey, call));
  }

  /**
   * Compare-and-set: as `put`, if the pair has not changed since `previous`.
   *
   * @param previous The pair as it was read, or as an earlier write returned it; `null` to create the key.
   * @returns The new pair.
   * @throws {KvError} `KV_KEY_EXISTS` (`null`, and the key exists), `KV_KEY_NOT_FOUND`, `KV_KEY_MODIFIED`; and as `put`.
   */
  async atomicPut(
    key: string,
    value: In,
    previous: Pick<KVPair<unknown>, 'key' | 'revision'> | null,
    options: WriteOptions = {},
  ): Promise<KVPair<Out>> {
    const name = this.#view.call('atomicPut', key, true);
    const revision = previous === null ? null : this.#view.within(name, () => revisionOf(previous, name.key));
    const encoded = this.#view.within(name, () => this.#view.encode(value));
    const lifetime = this.#view.within(name, () => lifetimeOf(options, this.#connection));
    const writing = this.#connection.run(name, options, (driver, call) =>
      driver.atomicPut(name.storedKey, encoded.bytes, revision, lifetime, call),
    );
    Session.awaits(options.session, writing);
    const stored = await writing;
    return this.#view.written(stored, encoded);
  }

  /**
   * Removes a pair if it has not changed since `previous`.
   *
   * @throws {KvError} `KV_KEY_NOT_FOUND`, `KV_KEY_MODIFIED`, `KV_INVALID_ARGUMENT`.
   */
  async atomicDelete(
    key: string,
    previous: Pick<KVPair<unknown>, 'key' | 'revision'>,
    options: CallOptions = {},
  ): Promise<void> {
    const name = this.#view.call('atomicDelete', key, true);
    const revision = this.#view.within(name, () => revisionOf(previous, name.key));
    return this.#connection.run(name, options, (driver, call) => driver.atomicDelete(name.storedKey, revision, call));
  }

  /**
   * Replaces a value by what a function makes of it, by compare-and-set, until no other writer comes between. Bound it with
   * `signal`; `timeout` bounds each request.
   *
   * @param change Gets the pair, or `undefined` if there is none, and returns the new value. It may be called several
   * times. What it throws ends the update.
   * @returns The new pair.
   * @throws {KvError} As `put` and `get`.
   */
  async update(
    key: string,
    change: (current: KVPair<Out> | undefined) => In | Promise<In>,
    options: WriteOptions = {},
  ): Promise<KVPair<Out>> {
    for (let conflicts = 0; ; conflicts++) {
      const current = await this.get(key, { signal: options.signal, timeout: options.timeout });
      const value = await change(current);
      try {
        return await this.atomicPut(key, value, current ?? null, options);
      } catch (error) {
        if (!isConflict(error)) throw error;
      }
      await sleep(Math.random() * Math.min(longestConflictPause, 2 ** conflicts), options.signal);
    }
  }

  /**
   * The pairs below a directory, in the order of their keys, without the directory itself. An absent directory is empty.
   * With `keysOnly`, the keys alone, without the transfer of values.
   *
   * @throws {KvError} `KV_DECODE_FAILED`, `KV_INVALID_ARGUMENT`.
   */
  list(directory: string, options: ListOptions & { readonly keysOnly: true }): Promise<string[]>;
  list(directory: string, options?: ListOptions & { readonly keysOnly?: false | undefined }): Promise<KVPair<Out>[]>;
  async list(
    directory: string,
    options: ListOptions & { readonly keysOnly?: boolean | undefined } = {},
  ): Promise<string[] | KVPair<Out>[]> {
    const name = this.#view.directoryCall('list', directory, false);
    const { storedKey } = name;
    if (options.keysOnly) {
      const keys = await listAll(this.#view, name, options, (driver, request, call) =>
        driver.keys(storedKey, request, call),
      );
      return keys.map((key) => this.#view.keyOf(key));
    }
    const pairs = await listAll(this.#view, name, options, (driver, request, call) =>
      driver.list(storedKey, request, call),
    );
    return pairs.map((pair) => this.#view.pair(pair, name));
  }

  /**
   * As `list`, fetched in pages as the loop goes on: bounded memory however large the directory is. A key that exists all
   * the time is seen once; one that comes or goes meanwhile, at most once.
   *
   * @throws {KvError} As `list`, from the iteration.
   */
  scan(directory: string, options: ScanOptions = {}): AsyncGenerator<KVPair<Out>, void, undefined> {
    return scanPages(this.#view, this.#view.directoryCall('scan', directory, false), options);
  }

  /**
   * Removes what `list(directory)` lists: everything below the directory, not the directory's own key. In one step where
   * `capabilities.atomicTrees`.
   */
  async deleteTree(directory: string, options: CallOptions = {}): Promise<void> {
    const name = this.#view.directoryCall('deleteTree', directory, true);
    return this.#connection.run(name, options, (driver, call) => driver.deleteTree(name.storedKey, call));
  }

  /**
   * Applies several writes in one step, if all conditions hold.
   *
   * @returns Whether it was applied, and then the new pairs.
   * @throws {KvError} `KV_UNSUPPORTED`; `KV_INVALID_ARGUMENT` for two operations on one key, or more conditions and
   * operations than `capabilities.transaction.maxOperations`; `KV_VALUE_TOO_LARGE` for values that have more bytes together than
   * `capabilities.transaction.maxBytes`; and as `put`.
   */
  async transaction(request: TransactionRequest<In>, options: CallOptions = {}): Promise<TransactionResult<Out>> {
    const name: CallName = { operation: 'transaction', write: true };
    const { conditions, operations, values } = this.#view.within(name, () => storedTransaction(this.#view, request));
    const writing = this.#connection.run(name, options, (driver, call) => {
      if (driver.transaction === undefined) throw new KvError('KV_INTERNAL', 'the driver has no transactions');
      return driver.transaction(conditions, operations, call);
    });
    for (const operation of request.then) if (operation.type === 'put') Session.awaits(operation.session, writing);
    const result = await writing;
    if (!result.committed) return { committed: false };
    const pairs = values.map((value, i) => {
      const stored = result.pairs[i];
      return value === undefined || stored === undefined ? undefined : this.#view.written(stored, value);
    });
    return { committed: true, pairs };
  }

  /**
   * The states of one key: the one at the start, also if that is `undefined`, and then the later ones, for as long as the
   * loop runs. The last state always arrives, whatever happens to the server or the network meanwhile; states never go
   * backwards. A consumer that is slow gets the latest state instead of each.
   *
   * A value that cannot be decoded throws where `value` is read, and not before.
   *
   * @param options.signal Ends the iteration. So do leaving the loop, and `close()`.
   * @throws {KvError} From the iteration, when the watch cannot go on: `KV_PERMISSION_DENIED`, `KV_INTERNAL`.
   */
  watch(key: string, options: WatchOptions = {}): AsyncIterable<KVPair<Out> | undefined> {
    const name = this.#view.call('watch', key, false);
    const target = { key: name.storedKey };
    return this.#watch(
      name,
      () =>
        new KeyWatcher(
          name.storedKey,
          (pair) => this.#view.watchedPair(pair, name),
          sharedLife(this.#connection, target, [options.signal]),
        ),
    );
  }

  /**
   * The states of all keys below a directory, at all depths. As `watch`; each step has the tree as it is and what has
   * changed since the last step.
   */
  watchTree(directory: string, options: WatchOptions = {}): AsyncIterable<TreeState<Out>> {
    const name = this.#view.directoryCall('watchTree', directory, false);
    const target = { directory: name.storedKey };
    return this.#watch(
      name,
      () =>
        new TreeWatcher(
          (pair) => this.#view.watchedPair(pair, name),
          (key) => this.#view.keyOf(key),
          sharedLife(this.#connection, target, [options.signal]),
        ),
    );
  }

  /**
   * Opens a session: what is written with it disappears when it ends.
   *
   * @param options.signal Ends the opening, not the session.
   * @throws {KvError} `KV_INVALID_ARGUMENT`.
   */
  async session(options: SessionOptions = {}): Promise<Session> {
    return openSession(this.#connection, { operation: 'session', write: true }, options);
  }

  /**
   * Waits for a lock and takes it. Exactly one client holds a lock at a time; first come, first served, where
   * `capabilities.lock.fair`. The lock owns the keys at and below `key`: store nothing else there.
   *
   * @param options.signal Ends the waiting, and leaves nothing behind; not the lock, once it is held.
   * @throws {KvError} `KV_TIMEOUT` after `wait`, `KV_SESSION_LOST` if the session ended while it waited, `KV_INVALID_ARGUMENT`.
   */
  async lock(key: string, options: LockOptions = {}): Promise<Lock> {
    const lock = await acquire(this.#view, 'lock', key, options);
    return lock as Lock;
  }

  /** Takes a lock that is free. @returns `undefined` if it is held, or waited for. */
  async tryLock(key: string, options: TryLockOptions = {}): Promise<Lock | undefined> {
    return acquire(this.#view, 'tryLock', key, options);
  }

  /** @returns Who holds the lock, or `undefined` if it is free. It may be another one by the time this arrives. */
  async lockHolder(key: string, options: CallOptions = {}): Promise<LockHolder | undefined> {
    const name = this.#view.call('lockHolder', key, false);
    const lock = driverLock(this.#connection);
    const holder = await this.#connection.run(name, options, (_, call) => lock.holder(name.storedKey, call));
    return holder === undefined ? undefined : { value: new TextDecoder().decode(holder.value), token: holder.token };
  }

  /** The keys below `directory` as a store of their own, over the same connection. */
  namespace(directory: string): Store<Out, In> {
    const { storedKey } = this.#view.call('namespace', directory, false);
    return new Store(new View(this.#connection, storedKey, this.#view.codec));
  }

  /** The same keys with other types of values, over the same connection. */
  withCodec<NewOut, NewIn>(codec: Codec<NewOut, NewIn>): Store<NewOut, NewIn> {
    return new Store(new View(this.#connection, this.#view.directory, codec));
  }

  /**
   * Closes the connection, for every view of it: ends watches, lets calls that are under way finish within their deadlines,
   * releases locks, closes sessions, and frees everything, so that the process can exit. Later calls are `KV_CLOSED`, and
   * so is the reason with which `lost` of its locks and sessions aborts, before the server is told to give them to others.
   * Idempotent. Does not reject: what a server that is away could not be told ends by itself.
   */
  close(): Promise<void> {
    return this.#connection.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #watch<Step>(name: CallName, iterator: () => WatchIterator<Step>): AsyncIterable<Step> {
    this.#connection.checkOpen(name);
    return {
      [Symbol.asyncIterator]: () => {
        this.#connection.checkOpen(name);
        return iterator();
      },
    };
  }
}

/** The longest pause between two attempts of an update that met other writers, in milliseconds. */
const longestConflictPause = 100;

function isConflict(error: unknown): boolean {
  return (
    KvError.is(error, 'KV_KEY_MODIFIED') || KvError.is(error, 'KV_KEY_EXISTS') || KvError.is(error, 'KV_KEY_NOT_FOUND')
  );
}

/** The revision of a pair that the caller says to know, which must be one of this key. */
function revisionOf(previous: Pick<KVPair<unknown>, 'key' | 'revision'>, key: string): Revision {
  if (typeof previous?.revision !== 'string' || previous.revision === '') {
    throw new KvError('KV_INVALID_ARGUMENT', '`previous` must be a pair, with its revision');
  }
  if (canonicalKey(previous.key) !== key) {
    throw new KvError(
      'KV_INVALID_ARGUMENT',
      `\`previous\` is the pair of another key, ${JSON.stringify(previous.key)}`,
    );
  }
  return previous.revision;
}
