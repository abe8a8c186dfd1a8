import { Buffer } from 'node:buffer';
import type { ListPage, ListRequest, StoredPair, WatchTarget } from '@kv/core';
import type { Database } from 'better-sqlite3';
import type { KeyRange, Keyspace } from './keyspace.ts';

interface PairRow {
  readonly revision: number;
  readonly create_revision: number;
  /** Hexadecimal where it was read as `shortAsText`. */
  readonly value: Uint8Array | string;
}

interface KeyedRow extends PairRow {
  readonly key: string;
}

/** A pair, and whether something ends it by itself. */
export interface FoundPair {
  readonly pair: StoredPair;
  readonly mortal: boolean;
}

type RangeParameters = [after: KeyRange['after'], before: KeyRange['before'], limit: number];
type OwnParameters = [after: KeyRange['after'], before: KeyRange['before'], prefix: string, limit: number];

/**
 * The client takes longer to make a buffer of its own for each value than to read the rest of the row: text that is put into
 * the pool of buffers takes half as long. From some hundred bytes on, the text takes longer.
 */
const shortAsText = 'iif(length(value) <= 256, hex(value), value) AS value';

const inRange = 'FROM pairs WHERE key > ? AND key < ?';
const withOneMoreSegment = "AND instr(substr(key, length(?) + 1), '/') = 0";
const inOrder = 'ORDER BY key LIMIT ?';
const noLimit = -1;

/** Reads what is stored, including what is overdue and not yet removed. */
export class Reader {
  readonly #keys: Keyspace;
  readonly #get;
  readonly #exists;
  readonly #pairs;
  readonly #ownPairs;
  readonly #names;
  readonly #ownNames;

  constructor(database: Database, keys: Keyspace) {
    this.#keys = keys;
    this.#get = database.prepare<[string], PairRow & { readonly mortal: 0 | 1 }>(
      `SELECT revision, create_revision, ${shortAsText}, coalesce(expires_at, session) IS NOT NULL AS mortal
       FROM pairs WHERE key = ?`,
    );
    this.#exists = database.prepare<[string], 0 | 1>('SELECT EXISTS (SELECT 1 FROM pairs WHERE key = ?)').pluck();
    const columns = `key, revision, create_revision, ${shortAsText}`;
    this.#pairs = database.prepare<RangeParameters, KeyedRow>(`SELECT ${columns} ${inRange} ${inOrder}`);
    this.#names = database.prepare<RangeParameters, string>(`SELECT key ${inRange} ${inOrder}`).pluck();
    const own = `${inRange} ${withOneMoreSegment} ${inOrder}`;
    this.#ownPairs = database.prepare<OwnParameters, KeyedRow>(`SELECT ${columns} ${own}`);
    this.#ownNames = database.prepare<OwnParameters, string>(`SELECT key ${own}`).pluck();
  }

  get(key: string): FoundPair | undefined {
    const row = this.#get.get(this.#keys.stored(key));
    return row === undefined ? undefined : { pair: pairOf(key, row), mortal: row.mortal === 1 };
  }

  exists(key: string): boolean {
    return this.#exists.get(this.#keys.stored(key)) === 1;
  }

  list(directory: string, request: ListRequest): ListPage<StoredPair> {
    const { after, before } = this.#keys.range(directory, request.after);
    const limit = request.limit ?? noLimit;
    const rows = request.recursive
      ? this.#pairs.all(after, before, limit)
      : this.#ownPairs.all(after, before, this.#keys.prefix(directory), limit);
    return page(
      rows.map((row) => pairOf(this.#keys.plain(row.key), row)),
      limit,
    );
  }

  names(directory: string, request: ListRequest): ListPage<string> {
    const { after, before } = this.#keys.range(directory, request.after);
    const limit = request.limit ?? noLimit;
    const names = request.recursive
      ? this.#names.all(after, before, limit)
      : this.#ownNames.all(after, before, this.#keys.prefix(directory), limit);
    return page(
      names.map((key) => this.#keys.plain(key)),
      limit,
    );
  }

  /** All pairs that a watch follows. */
  state(target: WatchTarget): readonly StoredPair[] {
    if ('directory' in target) {
      return this.list(target.directory, { recursive: true, consistency: 'linearizable' }).items;
    }
    const found = this.get(target.key);
    return found === undefined ? [] : [found.pair];
  }
}

/** Whether there is more, only the next page can tell. */
function page<Item>(items: readonly Item[], limit: number): ListPage<Item> {
  return items.length === limit ? { items, next: true } : { items };
}

export function pairOf(key: string, { revision, create_revision, value }: PairRow): StoredPair {
  const bytes = typeof value === 'string' ? Buffer.from(value, 'hex') : value;
  return { key, value: bytes, revision: String(revision), createRevision: BigInt(create_revision) };
}
