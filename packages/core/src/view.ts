import type { Codec } from './codec.ts';
import type { CallName, Connection } from './connection.ts';
import type { StoredPair } from './driver.ts';
import { KvError } from './error.ts';
import { canonicalDirectory, canonicalKey, join } from './key.ts';
import type { KVPair, Revision } from './pair.ts';

/** A call with a key or directory, as the caller and as the driver know it. */
export interface KeyedCall extends CallName {
  readonly key: string;
  readonly storedKey: string;
}

/** A value on its way to the driver. */
export interface EncodedValue<Out> {
  readonly bytes: Uint8Array;
  /** As a reader will see it. */
  readonly value: Out;
}

/** What one namespace with one codec makes of keys and values: the translation between `Store` and `Driver`. */
export class View<Out, In> {
  readonly connection: Connection;
  readonly directory: string;
  readonly codec: Codec<Out, In>;

  constructor(connection: Connection, directory: string, codec: Codec<Out, In>) {
    this.connection = connection;
    this.directory = directory;
    this.codec = codec;
  }

  /** A call on a key. */
  call(operation: string, key: string, write: boolean): KeyedCall {
    return this.#call(operation, key, write, canonicalKey);
  }

  /** A call on a directory. */
  directoryCall(operation: string, directory: string, write: boolean): KeyedCall {
    return this.#call(operation, directory, write, canonicalDirectory);
  }

  #call(operation: string, key: string, write: boolean, canonicalise: (key: string) => string): KeyedCall {
    try {
      const canonical = canonicalise(key);
      return { operation, key: canonical, storedKey: join(this.directory, canonical), write };
    } catch (error) {
      throw this.connection.tell(error, { operation, write });
    }
  }

  /** Runs what prepares or makes a call, and names the call in what it throws. */
  within<T>(name: CallName, action: () => T): T {
    try {
      return action();
    } catch (error) {
      throw KvError.is(error) ? this.connection.tell(error, name) : error;
    }
  }

  keyOf(storedKey: string): string {
    return this.directory === '' ? storedKey : storedKey.slice(this.directory.length + 1);
  }

  /** @throws {KvError} `KV_INVALID_ARGUMENT`, `KV_VALUE_TOO_LARGE`: before anything is sent. */
  encode(value: In): EncodedValue<Out> {
    let encoded: EncodedValue<Out>;
    try {
      const bytes = this.codec.encode(value);
      encoded = { bytes, value: this.codec.decode(bytes) };
    } catch (cause) {
      throw new KvError('KV_INVALID_ARGUMENT', 'the codec does not accept the value', {
        outcome: 'not-applied',
        cause,
      });
    }
    const { maxValueBytes } = this.connection.driver.capabilities;
    const { byteLength } = encoded.bytes;
    if (byteLength > maxValueBytes) {
      throw new KvError('KV_VALUE_TOO_LARGE', `the value has ${byteLength} bytes, and the limit is ${maxValueBytes}`, {
        outcome: 'not-applied',
      });
    }
    return encoded;
  }

  /** The pair that a write of `value` has made. */
  written(stored: StoredPair, { value }: EncodedValue<Out>): KVPair<Out> {
    const { revision, createRevision, ttl } = stored;
    const pair = { key: this.keyOf(stored.key), value, revision: revision as Revision, createRevision };
    return ttl === undefined ? pair : { ...pair, ttl };
  }

  /** @throws {KvError} `KV_DECODE_FAILED`. */
  pair(stored: StoredPair, name: CallName): KVPair<Out> {
    const { key, revision, createRevision } = stored;
    const value = this.#decode(stored, name);
    return { key: this.keyOf(key), value, revision: revision as Revision, createRevision };
  }

  /** As `pair`, for one of several watchers: each has bytes of its own, and a bad value throws where it is read. */
  watchedPair(stored: StoredPair, name: CallName): KVPair<Out> {
    try {
      return this.pair({ ...stored, value: new Uint8Array(stored.value) }, name);
    } catch (error) {
      return {
        key: this.keyOf(stored.key),
        get value(): Out {
          throw error;
        },
        revision: stored.revision as Revision,
        createRevision: stored.createRevision,
      };
    }
  }

  #decode({ key, value, revision }: StoredPair, name: CallName): Out {
    try {
      return this.codec.decode(value);
    } catch (cause) {
      throw new KvError('KV_DECODE_FAILED', `the codec does not accept the value at revision ${revision}`, {
        operation: name.operation,
        key: this.keyOf(key),
        driver: this.connection.driverName,
        revision,
        cause,
      });
    }
  }
}
