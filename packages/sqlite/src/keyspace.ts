import { Buffer } from 'node:buffer';
import { compareKeys, prefixOf } from '@kv/core';

/** A range of stored keys, both ends excluded. */
export interface KeyRange {
  readonly after: string;
  /** Bytes come after every text in SQLite, so that an empty `Buffer` is the end of all keys. */
  readonly before: string | Buffer;
}

const endOfKeys = Buffer.alloc(0);

/** The keys of a store within the keys of the database: those below `root`. */
export class Keyspace {
  readonly #prefix: string;

  constructor(root: string) {
    this.#prefix = prefixOf(root);
  }

  /** The key in the database. */
  stored(key: string): string {
    return this.#prefix === '' ? key : this.#prefix + key;
  }

  holds(storedKey: string): boolean {
    return storedKey.startsWith(this.#prefix);
  }

  /** The key as core knows it. */
  plain(storedKey: string): string {
    return this.#prefix === '' ? storedKey : storedKey.slice(this.#prefix.length);
  }

  /** What every stored key below the directory starts with. */
  prefix(directory: string): string {
    return this.#prefix + prefixOf(directory);
  }

  /** The stored keys below the directory that come after `after`. */
  range(directory: string, after = ''): KeyRange {
    const prefix = this.prefix(directory);
    const storedAfter = this.stored(after);
    return {
      after: compareKeys(storedAfter, prefix) > 0 ? storedAfter : prefix,
      // The character after the slash.
      before: prefix === '' ? endOfKeys : `${prefix.slice(0, -1)}0`,
    };
  }
}
