import type { StoredChange, StoredCondition, StoredOperation, StoredPair, WatchTarget } from '../driver.ts';
import { KvError } from '../error.ts';
import { prefixOf } from '../key.ts';
import { ExpiryTimer } from './expiry-timer.ts';
import { Gate } from './gate.ts';
import { SortedKeys } from './sorted-keys.ts';

/** What ends a pair, as the server keeps it. */
export interface ServerLifetime {
  readonly ttl?: number;
  readonly session?: string;
}

interface Entry {
  readonly pair: StoredPair;
  readonly session: string | undefined;
  readonly expiry: ExpiryTimer | undefined;
}

interface ServerSession {
  readonly ttl: number;
  readonly keys: Set<string>;
  expiry: ExpiryTimer;
}

export interface Subscription {
  readonly target: WatchTarget;
  report(changes: readonly StoredChange[]): void;
}

/**
 * A key/value server that lives in the memory of this process: what several stores opened with `memory(server)` share.
 * Its faults are for tests.
 */
export class MemoryServer {
  /** What every message of every client passes: pause it, cut it, slow it down. */
  readonly gate = new Gate();
  readonly #entries = new Map<string, Entry>();
  readonly #keys = new SortedKeys();
  readonly #sessions = new Map<string, ServerSession>();
  readonly #subscriptions = new Set<Subscription>();
  #revision = 0n;
  #sessionCount = 0;

  /** What is stored, past every gate. */
  get(key: string): StoredPair | undefined {
    return this.#entries.get(key)?.pair;
  }

  /** The keys below a directory, in order. */
  keys(directory: string, after?: string): Iterable<string> {
    return this.#keys.startingWith(prefixOf(directory), after);
  }

  /** Applies operations in one step if all conditions hold. @returns For each the new pair, or `undefined` if one fails. */
  commit(
    conditions: readonly StoredCondition[],
    operations: readonly (Exclude<StoredOperation, { type: 'put' }> | PutOperation)[],
  ): (StoredPair | undefined)[] | undefined {
    if (!conditions.every((condition) => this.#holds(condition))) return undefined;
    for (const operation of operations) {
      if (operation.type === 'put' && operation.lifetime.session !== undefined)
        this.#session(operation.lifetime.session);
    }
    this.#revision++;
    const changes: StoredChange[] = [];
    const pairs = operations.map((operation) => {
      if (operation.type === 'delete') {
        if (this.#remove(operation.key)) changes.push({ key: operation.key });
        return undefined;
      }
      const pair = this.#put(operation);
      changes.push({ key: pair.key, pair });
      return operation.lifetime.ttl === undefined ? pair : { ...pair, ttl: operation.lifetime.ttl };
    });
    this.#report(changes);
    return pairs;
  }

  /** Removes everything below a directory, in one step. */
  deleteTree(directory: string): void {
    this.commit(
      [],
      [...this.keys(directory)].map((key) => ({ type: 'delete', key })),
    );
  }

  /** Opens a session that ends `ttl` milliseconds after its last renewal. */
  openSession(ttl: number): string {
    const id = `session-${++this.#sessionCount}`;
    this.#sessions.set(id, { ttl, keys: new Set(), expiry: this.#expireAfter(ttl, id) });
    return id;
  }

  /** @throws {KvError} `KV_SESSION_LOST`. */
  renewSession(id: string): void {
    const session = this.#session(id);
    session.expiry.cancel();
    session.expiry = this.#expireAfter(session.ttl, id);
  }

  /** Ends a session, and removes its keys; also by force, as a test of what its owner makes of it. */
  endSession(id: string): void {
    const session = this.#sessions.get(id);
    if (session === undefined) return;
    session.expiry.cancel();
    this.#sessions.delete(id);
    this.commit(
      [],
      [...session.keys].map((key) => ({ type: 'delete', key })),
    );
  }

  /** How many sessions there are. */
  get sessionCount(): number {
    return this.#sessions.size;
  }

  /** Reports every change from now on. @returns What ends that. */
  subscribe(subscription: Subscription): () => void {
    this.#subscriptions.add(subscription);
    return () => this.#subscriptions.delete(subscription);
  }

  /** How many watches the server serves. */
  get watchCount(): number {
    return this.#subscriptions.size;
  }

  #holds(condition: StoredCondition): boolean {
    const revision = this.get(condition.key)?.revision;
    return 'revision' in condition ? revision === condition.revision : condition.exists === (revision !== undefined);
  }

  #put({ key, value, lifetime }: PutOperation): StoredPair {
    const previous = this.#entries.get(key);
    this.#unbind(key, previous);
    const pair: StoredPair = {
      key,
      value: new Uint8Array(value),
      revision: String(this.#revision),
      createRevision: previous?.pair.createRevision ?? this.#revision,
    };
    const { ttl, session } = lifetime;
    if (session !== undefined) this.#session(session).keys.add(key);
    const expire = () => this.commit([{ key, revision: pair.revision }], [{ type: 'delete', key }]);
    const expiry = ttl === undefined ? undefined : new ExpiryTimer(ttl, expire);
    this.#entries.set(key, { pair, session, expiry });
    if (previous === undefined) this.#keys.add(key);
    return pair;
  }

  #remove(key: string): boolean {
    const entry = this.#entries.get(key);
    if (entry === undefined) return false;
    this.#unbind(key, entry);
    this.#keys.delete(key);
    return this.#entries.delete(key);
  }

  #unbind(key: string, entry: Entry | undefined): void {
    entry?.expiry?.cancel();
    if (entry?.session !== undefined) this.#sessions.get(entry.session)?.keys.delete(key);
  }

  #session(id: string): ServerSession {
    const session = this.#sessions.get(id);
    if (session !== undefined) return session;
    throw new KvError('KV_SESSION_LOST', 'the server does not know the session', { outcome: 'not-applied' });
  }

  #expireAfter(ttl: number, id: string): ExpiryTimer {
    return new ExpiryTimer(ttl, () => this.endSession(id));
  }

  #report(changes: readonly StoredChange[]): void {
    if (changes.length === 0) return;
    for (const { target, report } of [...this.#subscriptions]) {
      const seen = changes.filter(({ key }) =>
        'key' in target ? key === target.key : key.startsWith(prefixOf(target.directory)),
      );
      if (seen.length > 0) report(seen);
    }
  }
}

export interface PutOperation {
  readonly type: 'put';
  readonly key: string;
  readonly value: Uint8Array;
  readonly lifetime: ServerLifetime;
}
