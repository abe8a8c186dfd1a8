import type { Database } from 'better-sqlite3';
import { monotonicNow, wallNow } from './clock.ts';

/** When something ends by itself next, on each clock; infinite if nothing will. */
export interface NextExpiry {
  readonly wall: number;
  readonly monotonic: number;
}

/**
 * What ends by itself, and when. The end itself is a write like any other, made by whoever notices first: so an expired
 * pair cannot come back, neither by a step of the clock nor by a renewal that was under way.
 */
export class Expiry {
  readonly #overdue;
  readonly #nextPair;
  readonly #nextSession;

  constructor(database: Database) {
    this.#overdue = database
      .prepare<[number, number], 0 | 1>(
        `SELECT EXISTS (SELECT 1 FROM pairs WHERE expires_at <= ?)
             OR EXISTS (SELECT 1 FROM sessions WHERE expires_at <= ?)`,
      )
      .pluck();
    this.#nextPair = database
      .prepare<[], number | null>('SELECT min(expires_at) FROM pairs WHERE expires_at IS NOT NULL')
      .pluck();
    this.#nextSession = database.prepare<[], number | null>('SELECT min(expires_at) FROM sessions').pluck();
  }

  /** Whether something should have ended already. */
  overdue(): boolean {
    return this.#overdue.get(wallNow(), monotonicNow()) === 1;
  }

  next(): NextExpiry {
    return {
      wall: this.#nextPair.get() ?? Number.POSITIVE_INFINITY,
      monotonic: this.#nextSession.get() ?? Number.POSITIVE_INFINITY,
    };
  }
}

export function isPast({ wall, monotonic }: NextExpiry): boolean {
  return wall <= wallNow() || monotonic <= monotonicNow();
}
