import { randomBytes } from 'node:crypto';
import { KvError } from '@kv/core';
import type { Database } from 'better-sqlite3';
import { monotonicNow } from './clock.ts';

/** The table of sessions. Everything here is called within a write transaction, after what was overdue has been removed. */
export class Sessions {
  readonly #insert;
  readonly #renew;
  readonly #find;
  readonly #end;

  constructor(database: Database) {
    this.#insert = database.prepare<[string, number, number]>(
      'INSERT INTO sessions (id, renewed_at, expires_at) VALUES (?, ?, ?)',
    );
    this.#renew = database.prepare<[number, number, string]>(
      'UPDATE sessions SET renewed_at = ?, expires_at = ? WHERE id = ?',
    );
    this.#find = database.prepare<[string], number>('SELECT 1 FROM sessions WHERE id = ?').pluck();
    this.#end = database.prepare<[string]>('DELETE FROM sessions WHERE id = ?');
  }

  /** @returns Its id. */
  open(ttl: number): string {
    const id = randomBytes(8).toString('hex');
    this.#insert.run(id, ...lifeFromNow(ttl));
    return id;
  }

  /** @throws {KvError} `KV_SESSION_LOST`. */
  renew(id: string, ttl: number): void {
    if (this.#renew.run(...lifeFromNow(ttl), id).changes === 0) throw lost();
  }

  /** @throws {KvError} `KV_SESSION_LOST`. */
  check(id: string): void {
    if (this.#find.get(id) === undefined) throw lost();
  }

  delete(id: string): void {
    this.#end.run(id);
  }
}

function lifeFromNow(ttl: number): [renewedAt: number, expiresAt: number] {
  const now = monotonicNow();
  return [Math.floor(now), Math.ceil(now + ttl)];
}

function lost(): KvError {
  return new KvError('KV_SESSION_LOST', 'the session has ended', { outcome: 'not-applied' });
}
