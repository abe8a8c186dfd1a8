import {
  KvError,
  type KvErrorCode,
  type Lifetime,
  type StoredCondition,
  type StoredOperation,
  type StoredPair,
  type StoredTransactionResult,
} from '@kv/core';
import type { Database } from 'better-sqlite3';
import { ChangeLog } from './change-log.ts';
import { monotonicNow, wallNow } from './clock.ts';
import { Expiry } from './expiry.ts';
import type { KeyRange, Keyspace } from './keyspace.ts';
import { Removal } from './removal.ts';
import { Sessions } from './sessions.ts';

/**
 * What happens in a write transaction: `begin`, any number of writes, `end`. A write that throws a `KvError` has changed
 * nothing, so that the others of its transaction can be committed. Revisions of pairs are those of their last change.
 */
export class Writer {
  readonly sessions: Sessions;
  readonly #keys: Keyspace;
  readonly #log: ChangeLog;
  readonly #expiry: Expiry;
  readonly #revision;
  readonly #upsert;
  readonly #delete;
  readonly #removeRange;
  readonly #removeExpired;
  readonly #removeOfEndedSessions;
  readonly #deleteEndedSessions;
  readonly #removeOfSession;
  #lastCommitted = 0;

  constructor(database: Database, keys: Keyspace) {
    this.#keys = keys;
    this.#log = new ChangeLog(database);
    this.sessions = new Sessions(database);
    this.#expiry = new Expiry(database);
    this.#revision = database.prepare<[string], number>('SELECT revision FROM pairs WHERE key = ?').pluck();
    this.#upsert = database
      .prepare<[string, number, number, number | null, string | null, Uint8Array], number>(
        `INSERT INTO pairs (key, revision, create_revision, expires_at, session, value) VALUES (?, ?, ?, ?, ?, ?)
         ON CONFLICT (key) DO UPDATE SET revision = excluded.revision, expires_at = excluded.expires_at,
           session = excluded.session, value = excluded.value
         RETURNING create_revision`,
      )
      .pluck();
    this.#delete = database.prepare<[string]>('DELETE FROM pairs WHERE key = ?');
    const removal = <Parameters extends unknown[]>(where: string) =>
      new Removal<Parameters>(database, this.#log, where);
    this.#removeRange = removal<[KeyRange['after'], KeyRange['before']]>('key > ? AND key < ?');
    this.#removeExpired = removal<[number]>('expires_at <= ?');
    this.#removeOfEndedSessions = removal<[number]>(
      'session IN (SELECT id FROM sessions WHERE sessions.expires_at <= ?)',
    );
    this.#deleteEndedSessions = database.prepare<[number]>('DELETE FROM sessions WHERE expires_at <= ?');
    this.#removeOfSession = removal<[string]>('session = ?');
  }

  /** Removes what is overdue, so that all that the writes meet is alive. @returns Whether others have written since `end`. */
  begin(): boolean {
    const contended = this.#log.begin() !== this.#lastCommitted;
    if (this.#expiry.overdue()) {
      this.#removeExpired.run(wallNow());
      const now = monotonicNow();
      this.#removeOfEndedSessions.run(now);
      this.#deleteEndedSessions.run(now);
    }
    return contended;
  }

  end(): void {
    this.#lastCommitted = this.#log.end();
  }

  put(key: string, value: Uint8Array, lifetime: Lifetime): StoredPair {
    if (lifetime.session !== undefined) this.sessions.check(lifetime.session.id);
    return this.#put(key, value, lifetime);
  }

  /** @throws {KvError} `KV_KEY_EXISTS`, `KV_KEY_MODIFIED`, `KV_KEY_NOT_FOUND`, `KV_SESSION_LOST`. */
  atomicPut(key: string, value: Uint8Array, previous: string | null, lifetime: Lifetime): StoredPair {
    this.#checkRevision(key, previous);
    return this.put(key, value, lifetime);
  }

  delete(key: string): boolean {
    const storedKey = this.#keys.stored(key);
    if (this.#delete.run(storedKey).changes === 0) return false;
    this.#log.appendDelete(storedKey);
    return true;
  }

  /** @throws {KvError} `KV_KEY_MODIFIED`, `KV_KEY_NOT_FOUND`. */
  atomicDelete(key: string, previous: string): void {
    this.#checkRevision(key, previous);
    this.delete(key);
  }

  deleteTree(directory: string): void {
    const { after, before } = this.#keys.range(directory);
    this.#removeRange.run(after, before);
  }

  transaction(conditions: readonly StoredCondition[], operations: readonly StoredOperation[]): StoredTransactionResult {
    if (!conditions.every((condition) => this.#holds(condition))) return { committed: false, pairs: [] };
    for (const operation of operations) {
      if (operation.type === 'put' && operation.lifetime.session !== undefined) {
        this.sessions.check(operation.lifetime.session.id);
      }
    }
    const pairs = operations.map((operation) => {
      if (operation.type === 'put') return this.#put(operation.key, operation.value, operation.lifetime);
      this.delete(operation.key);
      return undefined;
    });
    return { committed: true, pairs };
  }

  /** Ends a session, if it has not ended, and removes its pairs. */
  endSession(id: string): void {
    this.#removeOfSession.run(id);
    this.sessions.delete(id);
  }

  #put(key: string, value: Uint8Array, { ttl, session }: Lifetime): StoredPair {
    const storedKey = this.#keys.stored(key);
    const revision = this.#log.next;
    // One more, since the clock has begun its millisecond already.
    const expiresAt = ttl === undefined ? null : wallNow() + ttl + 1;
    const createRevision = this.#upsert.get(
      storedKey,
      revision,
      revision,
      expiresAt,
      session === undefined ? null : session.id,
      value,
    ) as number;
    this.#log.appendPut(storedKey, createRevision, value);
    const pair = { key, value, revision: String(revision), createRevision: BigInt(createRevision) };
    return ttl === undefined ? pair : { ...pair, ttl };
  }

  #holds(condition: StoredCondition): boolean {
    const revision = this.#revision.get(this.#keys.stored(condition.key));
    if ('exists' in condition) return condition.exists === (revision !== undefined);
    return revision !== undefined && condition.revision === String(revision);
  }

  #checkRevision(key: string, previous: string | null): void {
    const revision = this.#revision.get(this.#keys.stored(key));
    if (previous === null) {
      if (revision !== undefined) throw conflict('KV_KEY_EXISTS', 'the key exists');
    } else if (revision === undefined) {
      throw conflict('KV_KEY_NOT_FOUND', 'the key does not exist');
    } else if (previous !== String(revision)) {
      throw conflict('KV_KEY_MODIFIED', 'the pair has another revision than the one given');
    }
  }
}

function conflict(code: KvErrorCode, detail: string): KvError {
  return new KvError(code, detail, { outcome: 'not-applied' });
}
