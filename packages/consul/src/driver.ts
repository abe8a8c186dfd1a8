import {
  type CallContext,
  type Capabilities,
  type Consistency,
  type Driver,
  type DriverSession,
  type DriverWatch,
  KvError,
  type Lifetime,
  type ListPage,
  type ListRequest,
  type StoredCondition,
  type StoredOperation,
  type StoredPair,
  type StoredTransactionResult,
  type WatchSink,
  type WatchTarget,
} from '@kv/core';
import { type Commit, Committer, type Write } from './commit.ts';
import { Expiry } from './expiry.ts';
import type { Keys } from './keys.ts';
import { LargeValues, maxTransactionBytes, maxValueBytes } from './large-value.ts';
import { Listing } from './listing.ts';
import { ConsulLock } from './lock.ts';
import { readMode, storedPair } from './pair.ts';
import { deleteTree, readPair } from './read.ts';
import type { Servers } from './servers.ts';
import { openSession } from './session.ts';
import { mostVerbs, sendTxn } from './txn.ts';
import { ConsulWatch } from './watch.ts';

/**
 * The server ends a session after twice its time to live, counted from the last renewal, measured as 20.2 s for 10 s; the rest is room for
 * its clock and its log.
 */
const durations = Object.freeze({ minMs: 10_000, maxMs: 86_400_000, latestFactor: 2.5 });

const capabilities: Capabilities = Object.freeze({
  ttl: durations,
  session: durations,
  maxValueBytes,
  // A key that moves from one session to another takes two verbs. For as many keys half of the body is enough.
  transaction: Object.freeze({ maxOperations: mostVerbs / 2, maxBytes: 256 * 1024 }),
  watch: 'latest-state',
  lock: Object.freeze({ fair: false }),
  compareAndSet: 'exact',
  atomicTrees: true,
});

export class ConsulDriver implements Driver {
  readonly capabilities = capabilities;
  readonly lock: ConsulLock;
  readonly #servers: Servers;
  readonly #keys: Keys;
  readonly #committer: Committer;
  readonly #expiry: Expiry;
  readonly #largeValues: LargeValues;
  readonly #listing: Listing;

  constructor(servers: Servers, keys: Keys) {
    this.#servers = servers;
    this.#keys = keys;
    this.#committer = new Committer(servers, keys);
    this.#expiry = new Expiry(servers);
    this.#largeValues = new LargeValues(servers, keys);
    this.#listing = new Listing(servers, keys);
    this.lock = new ConsulLock(servers, keys);
  }

  async get(key: string, consistency: Consistency, { signal }: CallContext): Promise<StoredPair | undefined> {
    const pair = await readPair(this.#servers, this.#keys.toServer(key), readMode(consistency), signal);
    return pair && storedPair(pair, this.#keys);
  }

  getMany(
    keys: readonly string[],
    consistency: Consistency,
    { signal }: CallContext,
  ): Promise<readonly (StoredPair | undefined)[]> {
    return this.#listing.getMany(keys, consistency, signal);
  }

  async exists(key: string, { signal }: CallContext): Promise<boolean> {
    // The only read that does not transfer the value.
    const check = { KV: { Verb: 'check-not-exists' as const, Key: this.#keys.toServer(key) } };
    return 'refusal' in (await sendTxn(this.#servers, signal, [check], readMode('linearizable')));
  }

  async put(key: string, value: Uint8Array, lifetime: Lifetime, call: CallContext): Promise<StoredPair> {
    if (value.byteLength > maxTransactionBytes) {
      this.#largeValues.check(key, value, lifetime, undefined);
      return this.#largeValues.put(key, value, call.signal);
    }
    const result = await this.#commit([], [{ type: 'put', key, value, lifetime }], call);
    return writtenPair(result);
  }

  async atomicPut(
    key: string,
    value: Uint8Array,
    previous: string | null,
    lifetime: Lifetime,
    call: CallContext,
  ): Promise<StoredPair> {
    if (value.byteLength > maxTransactionBytes) {
      this.#largeValues.check(key, value, lifetime, previous);
      const pair = await this.#largeValues.atomicPut(key, value, previous, call.signal);
      if (pair !== undefined) return pair;
      throw conflict(previous, previous !== null && !(await this.exists(key, call)));
    }
    const condition = previous === null ? { key, exists: false } : { key, revision: previous };
    const result = await this.#commit([condition], [{ type: 'put', key, value, lifetime }], call);
    if (!result.committed) throw conflict(previous, result.missing);
    return writtenPair(result);
  }

  async delete(key: string, call: CallContext): Promise<boolean> {
    const { committed } = await this.#commit([{ key, exists: true }], [{ type: 'delete', key }], call);
    return committed;
  }

  async atomicDelete(key: string, previous: string, call: CallContext): Promise<void> {
    const result = await this.#commit([{ key, revision: previous }], [{ type: 'delete', key }], call);
    if (!result.committed) throw conflict(previous, result.missing);
  }

  list(directory: string, request: ListRequest, call: CallContext): Promise<ListPage<StoredPair>> {
    return this.#listing.list(directory, request, call);
  }

  keys(directory: string, request: ListRequest, call: CallContext): Promise<ListPage<string>> {
    return this.#listing.keys(directory, request, call);
  }

  deleteTree(directory: string, { signal }: CallContext): Promise<void> {
    return deleteTree(this.#servers, this.#keys.prefixOf(directory), signal);
  }

  async transaction(
    conditions: readonly StoredCondition[],
    operations: readonly StoredOperation[],
    call: CallContext,
  ): Promise<StoredTransactionResult> {
    const result = await this.#commit(conditions, operations, call);
    return { committed: result.committed, pairs: result.committed ? result.pairs : [] };
  }

  watch(target: WatchTarget, sink: WatchSink, signal: AbortSignal): DriverWatch {
    return new ConsulWatch(this.#servers, this.#keys, target, sink, signal);
  }

  openSession(ttl: number, call: CallContext): Promise<DriverSession> {
    return openSession(this.#servers, ttl, call);
  }

  async close(): Promise<void> {
    this.lock.close();
    await this.#expiry.close();
    await this.#servers.close();
  }

  /** Applies operations in one step, with a session for each key that is to expire by itself. */
  async #commit(
    conditions: readonly StoredCondition[],
    operations: readonly StoredOperation[],
    call: CallContext,
  ): Promise<Commit> {
    const opened: string[] = [];
    let result: Commit;
    try {
      const writes: Write[] = [];
      for (const operation of operations) {
        if (operation.type === 'delete') writes.push(operation);
        else {
          const { key, value, lifetime } = operation;
          let session = lifetime.session?.id;
          if (lifetime.ttl !== undefined) {
            session = await this.#expiry.open(lifetime.ttl, call);
            opened.push(session);
          }
          writes.push({ type: 'put', key, value, session });
        }
      }
      result = await this.#committer.commit(conditions, writes, call.signal);
    } catch (error) {
      // Where the outcome is not known, the keys may be held by them.
      if (KvError.is(error) && error.outcome === 'not-applied') this.#expiry.discard(opened);
      throw error;
    }
    if (!result.committed) {
      this.#expiry.discard(opened);
      return result;
    }
    this.#expiry.released(result.released);
    const pairs = result.pairs.map((pair, place) => {
      const operation = operations[place];
      const ttl = operation?.type === 'put' ? operation.lifetime.ttl : undefined;
      return pair === undefined || ttl === undefined ? pair : { ...pair, ttl };
    });
    return { ...result, pairs };
  }
}

function writtenPair(result: Commit): StoredPair {
  const pair = result.committed ? result.pairs[0] : undefined;
  if (pair === undefined) throw new KvError('KV_INTERNAL', 'the answer lacks the pair', { outcome: 'unknown' });
  return pair;
}

function conflict(previous: string | null, missing: boolean): KvError {
  const details = { outcome: 'not-applied' } as const;
  if (previous === null) return new KvError('KV_KEY_EXISTS', 'the key exists', details);
  if (missing) return new KvError('KV_KEY_NOT_FOUND', 'the key does not exist', details);
  return new KvError('KV_KEY_MODIFIED', 'the pair has another revision than the one given', details);
}
