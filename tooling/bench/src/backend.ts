import type { Store } from '@kv/core';
import type { Kind, Protocol } from '@kv-tooling/servers';
import type { Client } from './client.ts';
import type { Operation } from './contestant.ts';

/** The address of a server, or the directory of database files. */
export type Place = string;

interface Peer {
  /** Whose versions are told: those of `peers/package.json`. */
  readonly packages: readonly string[];
  open(place: Place): Promise<Client>;
}

/** How to measure one backend. */
export interface Backend {
  readonly name: string;
  /** The server that has to run, and how its requests are told apart. Absent: files. */
  readonly server?: { readonly kind: Kind; readonly protocol: Protocol };
  /** The package of the bare client. */
  readonly bareClient: string;
  openStore(place: Place): Promise<Store>;
  /** The client library alone: the same requests, the same consistency, as many connections. */
  openBare(place: Place): Promise<Client>;
  /** What a user could take instead, by name. */
  readonly peers?: Readonly<Record<string, Peer>>;
  /** libkv's name of its driver. */
  readonly libkv?: string;
  /** The fewest requests that each operation takes on this backend. */
  readonly fewestRequests?: Partial<Record<Operation, number>>;
  readonly sizes: {
    /** How many keys there are while it is measured. */
    readonly keys: readonly number[];
    /** How many watchers of one key, and of a key each. */
    readonly watchers: readonly number[];
    readonly watchedKeys: readonly number[];
    /** How many sessions and waiting locks memory is measured with. */
    readonly sessions: number;
  };
}
