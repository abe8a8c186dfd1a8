import {
  type CallContext,
  type Consistency,
  compareKeys,
  type ListPage,
  type ListRequest,
  type StoredPair,
} from '@kv/core';
import type { ConsulPair } from './consul-client.ts';
import { permissionDenied } from './errors.ts';
import type { Keys } from './keys.ts';
import { readMode, storedPair } from './pair.ts';
import { readNames, readTree } from './read.ts';
import type { Servers } from './servers.ts';
import { mostVerbs, sendTxn } from './txn.ts';

/** The most values of one page: what few transactions that run at once bring. */
const longestPage = 16 * mostVerbs;

/** Reads of more than one key. */
export class Listing {
  readonly #servers: Servers;
  readonly #keys: Keys;

  constructor(servers: Servers, keys: Keys) {
    this.#servers = servers;
    this.#keys = keys;
  }

  /**
   * Everything in one request, or, as Consul has no pages, the names and then the values of so many. The cursor has the names
   * that are left.
   */
  async list(directory: string, request: ListRequest, { signal }: CallContext): Promise<ListPage<StoredPair>> {
    if (request.limit === undefined) return { items: await this.#all(directory, request, signal) };
    const names = (request.cursor as readonly string[] | undefined) ?? (await this.#names(directory, request, signal));
    const end = Math.min(request.limit, longestPage);
    const pairs = await this.getMany(names.slice(0, end), request.consistency, signal);
    const items = pairs.filter((pair) => pair !== undefined);
    return names.length > end ? { items, next: names.slice(end) } : { items };
  }

  async keys(directory: string, request: ListRequest, { signal }: CallContext): Promise<ListPage<string>> {
    const names = (request.cursor as readonly string[] | undefined) ?? (await this.#names(directory, request, signal));
    const { limit = names.length } = request;
    const items = names.slice(0, limit);
    return names.length > limit ? { items, next: names.slice(limit) } : { items };
  }

  async getMany(
    keys: readonly string[],
    consistency: Consistency,
    signal: AbortSignal,
  ): Promise<(StoredPair | undefined)[]> {
    const chunks: Promise<Map<string, StoredPair>>[] = [];
    for (let start = 0; start < keys.length; start += mostVerbs) {
      chunks.push(this.#chunk(keys.slice(start, start + mostVerbs), consistency, signal));
    }
    const found = await Promise.all(chunks);
    return keys.map((key, place) => found[Math.floor(place / mostVerbs)]?.get(key));
  }

  /**
   * One moment's state. A `get` of a key that is absent fails, and all such at once: those are left out then. What
   * the token does not cover is left out by the server, without an error.
   */
  async #chunk(
    keys: readonly string[],
    consistency: Consistency,
    signal: AbortSignal,
  ): Promise<Map<string, StoredPair>> {
    let present = [...new Set(keys)];
    while (present.length > 0) {
      const verbs = present.map((key) => ({ KV: { Verb: 'get' as const, Key: this.#keys.toServer(key) } }));
      const answer = await sendTxn(this.#servers, signal, verbs, readMode(consistency));
      if ('pairs' in answer) {
        if (answer.pairs.length < present.length) throw permissionDenied();
        return new Map(answer.pairs.map((pair) => [this.#keys.fromServer(pair.Key), storedPair(pair, this.#keys)]));
      }
      const missing = new Set(answer.refusal.all);
      present = present.filter((_, place) => !missing.has(place));
    }
    return new Map();
  }

  async #all(
    directory: string,
    { recursive, after, consistency }: ListRequest,
    signal: AbortSignal,
  ): Promise<StoredPair[]> {
    const prefix = this.#keys.prefixOf(directory);
    const pairs = await readTree(this.#servers, prefix, readMode(consistency), signal);
    const found = pairsBelow(pairs, prefix, this.#keys);
    if (recursive && after === undefined) return found;
    return found.filter(
      ({ key }) =>
        (recursive || !key.includes('/', depthOf(directory))) && (after === undefined || compareKeys(key, after) > 0),
    );
  }

  async #names(
    directory: string,
    { recursive, after, consistency }: ListRequest,
    signal: AbortSignal,
  ): Promise<string[]> {
    const prefix = this.#keys.prefixOf(directory);
    const names = await readNames(this.#servers, prefix, recursive, readMode(consistency), signal);
    return names
      .filter((name) => this.#keys.isOurs(name))
      .map((name) => this.#keys.fromServer(name))
      .filter((key) => after === undefined || compareKeys(key, after) > 0);
  }
}

/** Those of what starts with `prefix` that core can name. */
export function pairsBelow(pairs: readonly ConsulPair[], prefix: string, keys: Keys): StoredPair[] {
  const found: StoredPair[] = [];
  for (const pair of pairs)
    if (pair.Key.startsWith(prefix) && keys.isOurs(pair.Key)) found.push(storedPair(pair, keys));
  return found;
}

function depthOf(directory: string): number {
  return directory === '' ? 0 : directory.length + 1;
}
