/*
 * What the driver asks of a ZooKeeper client. Everything else in this package knows these types alone, so that another client
 * can take the place of the npm client's binding (binding.ts) without a change elsewhere.
 */

import type { KvError } from '@kv/core';

export interface Stat {
  /** The transaction that created the node, and the last one that changed its data. */
  readonly czxid: number;
  readonly mzxid: number;
  /** How often the data has been set. */
  readonly version: number;
  readonly pzxid: number;
  readonly dataLength: number;
  readonly numChildren: number;
  /** How often the access control list has been set. */
  readonly aversion: number;
  /** Of an ephemeral node, the session that it goes with, in hexadecimal. Else `0`. */
  readonly ephemeralOwner: string;
}

export interface Node {
  readonly stat: Stat;
  readonly data: Uint8Array;
}

export type NodeKind =
  | 'persistent'
  | 'ephemeral'
  | 'ephemeral-sequential'
  | 'container'
  /** The node goes so many milliseconds after it was last set. */
  | { readonly ttl: number };

export type WatchEvent = 'created' | 'deleted' | 'changed' | 'child';

export interface Acl {
  readonly scheme: string;
  readonly id: string;
  /** The sum of read 1, write 2, create 4, delete 8, admin 16. */
  readonly permissions: number;
}

export interface ConnectionListener {
  /** Its session is served now, for the first time or again. */
  connected(): void;
  /** It has lost the server, and looks for one. Nothing is sent until it has one. */
  disconnected(): void;
  /**
   * Its session has ended, and it is of no more use. Not called after `close`.
   *
   * @param refusal Why the server grants no other session either. Absent: it will.
   */
  ended(refusal?: KvError): void;
  /** It is served again, but of the watches that were left before, none fires any more. */
  watchesLost(): void;
  /** A watch has fired. Each fires once; there is one for each path and kind, however often it was asked for. */
  event(event: WatchEvent, path: string): void;
}

/** What this client and its protocol can do. */
export interface Features {
  /** Several writes in one step. */
  readonly multi: boolean;
  /** One watch for a whole tree. */
  readonly recursiveWatch: boolean;
}

/**
 * One session with ZooKeeper. Requests are answered in the order in which they were sent. What is usual is a result; everything
 * else rejects with a `KvError`, whose outcome says whether a write may have been applied.
 */
export interface Connection {
  readonly features: Features;
  readonly connected: boolean;
  /** Hexadecimal. `0` until the first server has answered. */
  readonly sessionId: string;
  /** Milliseconds, as the server has granted them. */
  readonly timeout: number;

  /** @returns The path of the new node, or why there is none. */
  create(path: string, data: Uint8Array, kind: NodeKind): Promise<Created>;
  /** Sets the access control list of a node to what this connection gives to new ones. */
  restrict(path: string): Promise<void>;
  /** @param version `anyVersion`, or the only one to be replaced. */
  set(path: string, data: Uint8Array, version: number): Promise<Stat | 'no-node' | 'bad-version'>;
  remove(path: string, version: number): Promise<'removed' | 'no-node' | 'bad-version' | 'not-empty'>;
  /** @param watch Have the next change of the node reported; not of a node that is absent. */
  read(path: string, watch: boolean): Promise<Node | undefined>;
  /** @param watch Have the next change of the node reported, or its creation. */
  stat(path: string, watch: boolean): Promise<Stat | undefined>;
  /** @param watch Have the next change of the names reported; not of a node that is absent. */
  children(path: string, watch: boolean): Promise<string[] | undefined>;
  /** What is read after this sees everything that was committed before it. It need not be awaited for that. */
  sync(): Promise<void>;
  /** The servers' configuration as they keep it: empty where one server serves alone. `undefined` if it may not be read. */
  configuration(): Promise<string | undefined>;
  /** Ends the session: its ephemeral nodes go as soon as a server has heard of it. Idempotent. */
  close(): void;
}

export type Created = { readonly path: string } | 'exists' | 'no-parent' | 'ephemeral-parent';

export const anyVersion = -1;

export interface ConnectionOptions {
  /** `host:port`. */
  readonly servers: readonly string[];
  /** The time-out of the session to ask for, in milliseconds. */
  readonly timeout: number;
  readonly login: { readonly user: string; readonly password: string } | undefined;
  /** For nodes that it creates. Without: open to everyone. */
  readonly acl: readonly Acl[] | undefined;
}
