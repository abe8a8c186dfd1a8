import { Buffer } from 'node:buffer';
import { prefixOf, type StoredPair } from '@kv/core';
import type { IKeyValue } from 'etcd3';

/** The keys from `key` on, up to and without `range_end`. */
export interface KeyRange {
  readonly key: Buffer;
  readonly range_end: Buffer;
}

/** As the start of a range: the first key. As its end: no end. */
const everything = Buffer.of(0);

/** Translates between the keys of core and those of the server, which are below `root`. */
export class Keyspace {
  readonly #root: string;
  readonly #rootBytes: number;

  /** @param root Empty, or with a slash at its end. */
  constructor(root: string) {
    this.#root = root;
    this.#rootBytes = Buffer.byteLength(root);
  }

  bytes(key: string): Buffer {
    return Buffer.from(this.#root + key);
  }

  key(bytes: Buffer): string {
    return bytes.toString('utf8', this.#rootBytes);
  }

  /** How long in bytes the part is that all keys below a directory share. */
  depth(directory: string): number {
    return this.#rootBytes + Buffer.byteLength(prefixOf(directory));
  }

  /** What is below a directory; of that, what comes after the key `after`. */
  below(directory: string, after?: string): KeyRange {
    const prefix = this.bytes(prefixOf(directory));
    const start = after === undefined ? prefix : this.bytes(`${after}\0`);
    if (prefix.length === 0) return { key: start.length === 0 ? everything : start, range_end: everything };
    const end = Buffer.from(prefix);
    end[end.length - 1] = (end.at(-1) as number) + 1; // the slash becomes the character after it
    return { key: start.compare(prefix) > 0 ? start : prefix, range_end: end };
  }

  pair(kv: IKeyValue): StoredPair {
    const { value } = kv;
    return {
      key: this.key(kv.key),
      value: new Uint8Array(value.buffer, value.byteOffset, value.byteLength),
      revision: kv.mod_revision,
      createRevision: BigInt(kv.create_revision),
    };
  }
}
