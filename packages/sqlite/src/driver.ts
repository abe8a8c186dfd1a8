import type {
  Awaitable,
  CallContext,
  Capabilities,
  Consistency,
  Driver,
  DriverSession,
  DriverWatch,
  Lifetime,
  ListPage,
  ListRequest,
  StoredCondition,
  StoredOperation,
  StoredPair,
  StoredTransactionResult,
  WatchSink,
  WatchTarget,
} from '@kv/core';
import type { Database } from 'better-sqlite3';
import { ChangeFeed } from './change-feed.ts';
import { toKvError } from './errors.ts';
import { Expiry } from './expiry.ts';
import { GroupCommit } from './group-commit.ts';
import type { Keyspace } from './keyspace.ts';
import { Reader } from './reader.ts';
import { Sweeper } from './sweeper.ts';
import { Turns } from './turns.ts';
import { Writer } from './writer.ts';

/** The longest that a timer of Node.js can wait. */
const longestLife = 2 ** 31 - 1;

const capabilities: Capabilities = Object.freeze({
  ttl: Object.freeze({ minMs: 500, maxMs: longestLife, latestFactor: 2 }),
  session: Object.freeze({ minMs: 1_000, maxMs: longestLife, latestFactor: 2 }),
  maxValueBytes: 4 << 20,
  transaction: Object.freeze({ maxOperations: 1_000, maxBytes: 16 << 20 }),
  watch: 'every-change',
  lock: Object.freeze({ fair: true }),
  compareAndSet: 'exact',
  atomicTrees: true,
});

/** Reads directly; writes through the group commit; watches through the feed of changes. */
export class SqliteDriver implements Driver {
  readonly capabilities = capabilities;
  readonly #database: Database;
  readonly #reader: Reader;
  readonly #expiry: Expiry;
  readonly #commit: GroupCommit;
  readonly #sweeper: Sweeper;
  readonly #feed: ChangeFeed;
  readonly #getAll;
  readonly #turns = new Turns();

  constructor(database: Database, keys: Keyspace) {
    this.#database = database;
    this.#reader = new Reader(database, keys);
    this.#expiry = new Expiry(database);
    this.#commit = new GroupCommit(database, new Writer(database, keys), () => this.#feed.committed());
    this.#sweeper = new Sweeper(this.#commit);
    this.#feed = new ChangeFeed(database, keys, this.#reader, this.#sweeper, this.#turns);
    this.#getAll = database.transaction((names: readonly string[]) => names.map((key) => this.#reader.get(key)?.pair));
  }

  get(key: string, _consistency: Consistency, _call: CallContext): Awaitable<StoredPair | undefined> {
    try {
      const found = this.#reader.get(key);
      if (!found?.mortal) return this.#turns.give(found?.pair);
    } catch (error) {
      throw toKvError(error);
    }
    return this.#read(() => this.#reader.get(key)?.pair);
  }

  getMany(
    keys: readonly string[],
    _consistency: Consistency,
    _call: CallContext,
  ): Awaitable<readonly (StoredPair | undefined)[]> {
    return this.#read(() => this.#getAll(keys));
  }

  exists(key: string, _call: CallContext): Awaitable<boolean> {
    return this.#read(() => this.#reader.exists(key));
  }

  list(directory: string, request: ListRequest, _call: CallContext): Awaitable<ListPage<StoredPair>> {
    return this.#read(() => this.#reader.list(directory, request));
  }

  keys(directory: string, request: ListRequest, _call: CallContext): Awaitable<ListPage<string>> {
    return this.#read(() => this.#reader.names(directory, request));
  }

  put(key: string, value: Uint8Array, lifetime: Lifetime, call: CallContext): Promise<StoredPair> {
    return this.#commit.submit(call, (writer) => writer.put(key, value, lifetime));
  }

  atomicPut(
    key: string,
    value: Uint8Array,
    previous: string | null,
    lifetime: Lifetime,
    call: CallContext,
  ): Promise<StoredPair> {
    return this.#commit.submit(call, (writer) => writer.atomicPut(key, value, previous, lifetime));
  }

  delete(key: string, call: CallContext): Promise<boolean> {
    return this.#commit.submit(call, (writer) => writer.delete(key));
  }

  atomicDelete(key: string, previous: string, call: CallContext): Promise<void> {
    return this.#commit.submit(call, (writer) => writer.atomicDelete(key, previous));
  }

  deleteTree(directory: string, call: CallContext): Promise<void> {
    return this.#commit.submit(call, (writer) => writer.deleteTree(directory));
  }

  transaction(
    conditions: readonly StoredCondition[],
    operations: readonly StoredOperation[],
    call: CallContext,
  ): Promise<StoredTransactionResult> {
    return this.#commit.submit(call, (writer) => writer.transaction(conditions, operations));
  }

  watch(target: WatchTarget, sink: WatchSink, signal: AbortSignal): DriverWatch {
    return this.#feed.watch(target, sink, signal);
  }

  async openSession(ttl: number, call: CallContext): Promise<DriverSession> {
    const id = await this.#commit.submit(call, (writer) => writer.sessions.open(ttl));
    return {
      id,
      ttl,
      renew: (call) => this.#commit.submit(call, (writer) => writer.sessions.renew(id, ttl)),
      close: (call) => this.#commit.submit(call, (writer) => writer.endSession(id)),
    };
  }

  async close(): Promise<void> {
    this.#feed.close();
    this.#commit.close();
    try {
      this.#database.close();
    } catch {
      // The last one to close cleans up; whoever opens the file next does it otherwise.
    }
  }

  /** What is stored, after the removal of what is overdue. */
  #read<T>(read: () => T): Awaitable<T> {
    try {
      return this.#expiry.overdue() ? this.#readAfterSweep(read) : this.#turns.give(read());
    } catch (error) {
      throw toKvError(error);
    }
  }

  async #readAfterSweep<T>(read: () => T): Promise<T> {
    await this.#sweeper.sweep();
    try {
      return read();
    } catch (error) {
      throw toKvError(error);
    }
  }
}
