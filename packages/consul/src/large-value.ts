import { randomInt } from 'node:crypto';
import { KvError, type Lifetime, type StoredPair } from '@kv/core';
import type { ConsulPair } from './consul-client.ts';
import { afterApplied } from './errors.ts';
import type { Keys } from './keys.ts';
import { bufferOf, parseRevision, withValue } from './pair.ts';
import { isPrintable, readPair } from './read.ts';
import type { Servers } from './servers.ts';

/** `kv_max_value_size` of the server, unless it was changed. */
export const maxValueBytes = 512 * 1024;

/**
 * A value that is written alone fits into a transaction up to this: the body, in which it is base64, may have 512 KiB
 * (`txn_max_req_len`), and keys and words take their part.
 */
export const maxTransactionBytes = 380 * 1024;

/** Flags that are told back exactly: JavaScript's numbers have 53 bits. */
const longestNonce = 2 ** 48 - 1;

/**
 * Values that do not fit into a transaction, through the plain endpoints. Those answer with yes or no only, so that each write is
 * marked, by random flags, and read back: the pair that has the mark is the one that this write made.
 */
export class LargeValues {
  readonly #servers: Servers;
  readonly #keys: Keys;

  constructor(servers: Servers, keys: Keys) {
    this.#servers = servers;
    this.#keys = keys;
  }

  /** @throws {KvError} `KV_VALUE_TOO_LARGE` for a value that the plain endpoints cannot write in one step. */
  check(key: string, value: Uint8Array, lifetime: Lifetime, previous: string | null | undefined): void {
    let limit: string;
    if (lifetime.ttl !== undefined || lifetime.session !== undefined) limit = 'a value with a `ttl` or `session`';
    else if (typeof previous === 'string' && parseRevision(previous).session !== undefined) {
      limit = 'a value that replaces one with a `ttl` or `session` by compare-and-set';
    } else if (!isPrintable(this.#keys.toServer(key))) limit = 'a value at a key that a path cannot express';
    else return;
    throw new KvError(
      'KV_VALUE_TOO_LARGE',
      `the value has ${value.byteLength} bytes, and Consul takes ${limit} up to ${maxTransactionBytes} bytes only`,
      { outcome: 'not-applied' },
    );
  }

  async put(key: string, value: Uint8Array, signal: AbortSignal): Promise<StoredPair> {
    const { mark } = await this.#set(key, value, {}, signal);
    return this.#written(key, value, mark, signal);
  }

  /** @returns Undefined if the pair was another. */
  async atomicPut(
    key: string,
    value: Uint8Array,
    previous: string | null,
    signal: AbortSignal,
  ): Promise<StoredPair | undefined> {
    const cas = previous === null ? 0 : parseRevision(previous).index;
    const { mark, done } = await this.#set(key, value, { cas }, signal);
    return done ? this.#written(key, value, mark, signal) : undefined;
  }

  async #set(
    key: string,
    value: Uint8Array,
    how: { cas?: number; release?: string },
    signal: AbortSignal,
  ): Promise<{ mark: number; done: boolean }> {
    const mark = randomInt(1, longestNonce);
    const done = await this.#servers.request(signal, (client, ctx) =>
      client.kv.set({ key: this.#keys.toServer(key), value: bufferOf(value), flags: mark, ...how, ctx }),
    );
    // A compare-and-set that failed resolves to `undefined`.
    return { mark, done: done === true };
  }

  async #written(key: string, value: Uint8Array, mark: number, signal: AbortSignal): Promise<StoredPair> {
    try {
      for (;;) {
        const pair = await this.#read(key, signal);
        if (pair?.Flags !== mark) return this.#overtaken(key, value, pair);
        if (pair.Session === undefined) return withValue(pair, value, this.#keys);
        // Held by a session: take it from that one, with the value, which makes it permanent.
        const released = await this.#set(key, value, { release: pair.Session }, signal);
        if (released.done) mark = released.mark;
      }
    } catch (error) {
      throw afterApplied(error);
    }
  }

  #read(key: string, signal: AbortSignal): Promise<ConsulPair | undefined> {
    return readPair(this.#servers, this.#keys.toServer(key), { consistent: true }, signal);
  }

  /** Another write has already replaced the pair. Its revision cannot be known any more, and no pair has this one. */
  #overtaken(key: string, value: Uint8Array, by: ConsulPair | undefined): StoredPair {
    return { key, value, revision: '0', createRevision: BigInt(by?.CreateIndex ?? 0) };
  }
}
