import type { Database } from 'better-sqlite3';

/** A row of the log. A deletion has neither `create_revision` nor a value. */
export interface LoggedChange {
  readonly revision: number;
  readonly key: string;
  readonly create_revision: number | null;
}

/** How much the log holds. Beyond it the oldest changes go, and a reader that has not seen them needs a snapshot. */
const mostChanges = 16_384;
const mostValueBytes = 64 << 20;

/**
 * The latest changes, in order. Revisions count the changes of the database from its beginning, so that none is missing
 * between the oldest and the newest row. Everything here is called within a transaction.
 */
export class ChangeLog {
  readonly #state;
  readonly #save;
  readonly #oldest;
  readonly #after;
  readonly #value;
  readonly #append;
  readonly #valueBytesUpTo;
  readonly #atValueBytes;
  readonly #deleteUpTo;
  #revision = 0;
  #valueBytes = 0;
  #before = 0;

  constructor(database: Database) {
    this.#state = database.prepare<[], { revision: number; value_bytes: number }>(
      'SELECT revision, value_bytes FROM state',
    );
    this.#save = database.prepare<[number, number]>('UPDATE state SET revision = ?, value_bytes = ?');
    this.#oldest = database.prepare<[], number | null>('SELECT min(revision) FROM changes').pluck();
    this.#after = database.prepare<[number], LoggedChange>(
      'SELECT revision, key, create_revision FROM changes WHERE revision > ? ORDER BY revision',
    );
    this.#value = database.prepare<[number], Uint8Array>('SELECT value FROM changes WHERE revision = ?').pluck();
    this.#append = database.prepare<[number, string, number | null, Uint8Array | null]>(
      'INSERT INTO changes (revision, key, create_revision, value) VALUES (?, ?, ?, ?)',
    );
    this.#valueBytesUpTo = database
      .prepare<[number], number | null>('SELECT sum(length(value)) FROM changes WHERE revision <= ?')
      .pluck();
    this.#atValueBytes = database
      .prepare<[number], number>(
        `SELECT revision FROM (SELECT revision, sum(length(value)) OVER (ORDER BY revision) AS bytes FROM changes)
         WHERE bytes >= ? LIMIT 1`,
      )
      .pluck();
    this.#deleteUpTo = database.prepare<[number]>('DELETE FROM changes WHERE revision <= ?');
  }

  /** The revision of the last change. */
  revision(): number {
    return this.#readState().revision;
  }

  /** The changes after `revision`; `undefined` if not all of them are left. */
  after(revision: number): readonly LoggedChange[] | undefined {
    const last = this.revision();
    if (last === revision) return [];
    const changes = this.#after.all(revision);
    return changes[0]?.revision === revision + 1 ? changes : undefined;
  }

  /** The value that the change at `revision` has put. */
  valueAt(revision: number): Uint8Array {
    return this.#value.get(revision) as Uint8Array;
  }

  /** Before the first change of a transaction. @returns The revision of the last change so far. */
  begin(): number {
    const state = this.#readState();
    this.#revision = state.revision;
    this.#valueBytes = state.value_bytes;
    this.#before = state.revision;
    return state.revision;
  }

  /** The revision of the change that comes next. */
  get next(): number {
    return this.#revision + 1;
  }

  appendPut(key: string, createRevision: number, value: Uint8Array): void {
    this.#append.run(++this.#revision, key, createRevision, value);
    this.#valueBytes += value.byteLength;
  }

  appendDelete(key: string): void {
    this.#append.run(++this.#revision, key, null, null);
  }

  /** `count` changes were appended by a statement of the caller. */
  appended(count: number): void {
    this.#revision += count;
  }

  /** After the last change of a transaction. @returns The revision of the last change. */
  end(): number {
    if (this.#revision > this.#before) {
      this.#trim();
      this.#save.run(this.#revision, this.#valueBytes);
    }
    return this.#revision;
  }

  #trim(): void {
    const oldest = this.#oldest.get() ?? this.#revision;
    if (this.#revision - oldest >= mostChanges) this.#drop(this.#revision - mostChanges);
    const excess = this.#valueBytes - mostValueBytes;
    if (excess > 0) this.#drop(this.#atValueBytes.get(excess) as number);
  }

  #drop(upTo: number): void {
    this.#valueBytes -= this.#valueBytesUpTo.get(upTo) ?? 0;
    this.#deleteUpTo.run(upTo);
  }

  #readState(): { readonly revision: number; readonly value_bytes: number } {
    const state = this.#state.get();
    if (state === undefined) throw new Error('the table `state` has lost its row');
    return state;
  }
}
