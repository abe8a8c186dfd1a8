import { type CallOptions, type Codec, type Store, text, type WatchOptions } from '@kv/core';
import { iterate } from './iterate.ts';

/** A whole number of any size that all clients share, kept as decimal text. It is 0 where the key does not exist. */
export class Counter {
  readonly #store: Store<bigint>;
  readonly #key: string;

  constructor(store: Store<unknown, never>, key: string) {
    this.#store = store.withCodec(decimal);
    this.#key = key;
  }

  /** @throws {KvError} `KV_DECODE_FAILED` if the key holds no number. */
  async get(options: CallOptions = {}): Promise<bigint> {
    return (await this.#store.get(this.#key, options))?.value ?? 0n;
  }

  /**
   * Adds to the counter, in one step: no addition of another client is lost.
   *
   * @param amount May be negative. Default 1.
   * @returns The sum.
   * @throws {KvError} `KV_DECODE_FAILED`. With `outcome: 'unknown'` it may have been added: it is never added twice.
   */
  async add(amount = 1n, options: CallOptions = {}): Promise<bigint> {
    if (amount === 0n) return this.get(options);
    const { value } = await this.#store.update(this.#key, (pair) => (pair?.value ?? 0n) + amount, options);
    return value;
  }

  /**
   * The values, that of now first; where they change faster than the loop runs, the latest.
   *
   * @throws {KvError} `KV_DECODE_FAILED` from the iteration, which ends with it, and as `store.watch`.
   */
  watch({ signal }: WatchOptions = {}): AsyncIterable<bigint> {
    const { store, key } = { store: this.#store, key: this.#key };
    return iterate(signal, async function* (over) {
      for await (const pair of store.watch(key, { signal: over })) yield pair?.value ?? 0n;
      return undefined;
    });
  }
}

const decimal: Codec<bigint> = {
  encode: (value) => text().encode(String(value)),
  decode(bytes) {
    const digits = text().decode(bytes);
    if (!/^-?\d+$/.test(digits)) throw new TypeError('not a whole number in decimal digits');
    return BigInt(digits);
  },
};
