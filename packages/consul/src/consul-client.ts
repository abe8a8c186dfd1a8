import type { EventEmitter } from 'node:events';
import type { IncomingHttpHeaders } from 'node:http';

/*
 * The part of the client library that this driver uses, as it really is: its own types lack `ctx`, `consistent`, `index`, `buffer` and
 * more, and say `false` where a refused request resolves to `undefined`.
 */

/** One per request: `emit('cancel')` ends it. With `includeResponse` the result is `[response, result]`. */
export interface RequestContext extends EventEmitter {
  includeResponse?: boolean;
}

export interface ConsulPair {
  readonly Key: string;
  /** Base64 in transactions, a `Buffer` from `kv.get`, `null` where it is empty. */
  readonly Value: string | Buffer | null;
  /** An unsigned number of 64 bits, rounded to what a JavaScript number can be. */
  readonly Flags: number;
  readonly CreateIndex: number;
  readonly ModifyIndex: number;
  /** The session that holds the key. */
  readonly Session?: string;
}

/** An operation of `/v1/txn`. */
export interface Verb {
  readonly KV: {
    readonly Verb:
      | 'get'
      | 'set'
      | 'lock'
      | 'unlock'
      | 'delete'
      | 'get-tree'
      | 'delete-tree'
      | 'check-index'
      | 'check-not-exists';
    readonly Key: string;
    readonly Value?: string;
    readonly Index?: number;
    readonly Session?: string;
    /** A number, or what `JSON.rawJSON` makes of one that is too large for JavaScript. */
    readonly Flags?: unknown;
    readonly Namespace?: string;
    readonly Partition?: string;
  };
}

export interface ReadMode {
  readonly consistent?: true;
  readonly stale?: true;
}

interface Options extends ReadMode {
  readonly ctx: RequestContext;
}

export interface ConsulClient {
  readonly kv: {
    get(options: Options & { key: string; buffer: true }): Promise<ConsulPair | undefined>;
    get(options: Options & { key: string; buffer: true; recurse: true }): Promise<ConsulPair[] | undefined>;
    /** Rejects with status 404 where there are none. */
    keys(options: Options & { key: string; separator?: string }): Promise<string[]>;
    /** `true`, or `undefined` where it was refused. */
    set(
      options: Options & { key: string; value: Buffer; flags: number; cas?: number; release?: string },
    ): Promise<true | undefined>;
    del(options: Options & { key: string; recurse: true }): Promise<true>;
  };
  readonly session: {
    create(
      options: Options & {
        name: string;
        ttl: string;
        behavior: 'delete';
        lockdelay: string;
        checks: readonly string[];
      },
    ): Promise<{ readonly ID: string }>;
    /** Rejects with status 404 where there is none. */
    renew(options: Options & { id: string }): Promise<unknown>;
    destroy(options: Options & { id: string }): Promise<unknown>;
    info(options: Options & { id: string }): Promise<{ readonly Name: string } | undefined>;
  };
  readonly transaction: {
    /** Rejects with status 409 where it was not applied. */
    create(
      operations: readonly Verb[],
      options: Options,
    ): Promise<{ readonly Results: readonly { readonly KV: ConsulPair }[] | null }>;
  };
  /** Of papi, the HTTP client below. */
  _ext(event: 'onRequest', extension: (request: PapiRequest, next: () => void) => void): void;
}

/** A read for a watch: the same call with a context that includes the response; with an index and a wait, a blocking query. */
export interface WatchClient {
  readonly kv: {
    get(
      options: Options & { key: string; buffer: true; recurse?: true; index?: string; wait?: string },
    ): Promise<[response: { readonly headers: IncomingHttpHeaders }, result: ConsulPair | ConsulPair[] | undefined]>;
  };
}

interface PapiRequest {
  transport: { request(options: PapiOptions): unknown };
}

/** What a request is made of. */
export interface PapiOptions {
  readonly method: 'GET' | 'PUT' | 'DELETE';
  readonly path: string;
  readonly headers: Record<string, string>;
}

export type PapiListener = (argument?: unknown) => void;
