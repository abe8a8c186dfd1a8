import type { StoredPair } from '@kv/core';
import type { Node, NodeKind, Stat } from './connection.ts';

/*
 * How pairs lie in ZooKeeper.
 *
 * A permanent key is a persistent node, and its value the node's data: that is what other programs see and write. Three things do
 * not fit into that:
 *   - a node that is there for its children alone, and no key. Its data is `marker`. Those that this driver makes are container
 *     nodes, which the server removes when their last child has gone;
 *   - a key that ends with a session or after a time. An ephemeral node can have no children, and one with a time to live does not
 *     go while it has some. Such a pair is in a child of the key's node, its box, while the node's data is `marker`;
 *   - `createRevision` of a key whose node is older than the key. That is in the box too, which is a persistent node then.
 *
 * So the data of the node decides: other than `marker`, it is the value, whatever the box holds. One write of the data is what
 * makes a bound key permanent, or a permanent one bound: both ways the new state is prepared before, and cleaned up after.
 *
 * What makes a write on a permanent key one request: its answer tells whether there can be a box, which is a child. And it tells
 * whether the node was made for its children alone: the access control list of such a one has been set twice. If an operator sets that
 * of another one as often, the only effect is that the key counts as created anew, once.
 */

/** The data of a node that is no key. */
const marker = new TextEncoder().encode('\0@kv/zookeeper: this is no key\0\0\0');

/** The data of a node for a value; one that begins like the marker gets the marker in front. */
export function encodeValue(value: Uint8Array): Uint8Array {
  return startsWithMarker(value) ? concat(marker, value) : value;
}

/** The value in the data of a node. `undefined`: the node itself is no key. */
export function decodeValue(data: Uint8Array): Uint8Array | undefined {
  if (!startsWithMarker(data)) return data;
  return data.length === marker.length ? undefined : data.subarray(marker.length);
}

export const noKey: Uint8Array = marker;

/** Whether the data of this length may be the marker. */
export function mayBeNoKey({ dataLength }: Stat): boolean {
  return dataLength === marker.length;
}

/** How often the list of a node that is made for its children is set. Once is what makes a key's node private. */
const directoryAversion = 2;

/** Whether the node was made for its children alone: then it goes with the last of them, its box included. */
export function isDirectory({ aversion }: Stat): boolean {
  return aversion >= directoryAversion;
}

/** Whether another program has made it so that it goes by itself. */
export function isMortal({ ephemeralOwner }: Stat): boolean {
  return ephemeralOwner !== '0';
}

/** Whether a box can belong to the node of a permanent key. */
export function mayHaveBox(stat: Stat): boolean {
  return stat.numChildren > 0 || isDirectory(stat);
}

/**
 * `bound`: a pair that ends by itself. `alive`, `dead`: a record of when the permanent key came to be, and that it has been deleted
 * since. `carried` is the creation that counts in place of the box's own: the pair has replaced one that was created then.
 */
export interface Box {
  readonly kind: 'bound' | 'alive' | 'dead';
  readonly carried: bigint;
  readonly value: Uint8Array;
  readonly stat: Stat;
}

const kinds = ['bound', 'alive', 'dead'] as const;
const headBytes = 9;

export function encodeBox(kind: Box['kind'], carried = 0n, value: Uint8Array = new Uint8Array()): Uint8Array {
  const data = new Uint8Array(headBytes + value.length);
  data[0] = kinds.indexOf(kind);
  new DataView(data.buffer).setBigUint64(1, carried);
  data.set(value, headBytes);
  return data;
}

export function decodeBox(node: Node | undefined): Box | undefined {
  if (node === undefined || node.data.length < headBytes) return undefined;
  const { stat, data } = node;
  const kind = kinds[data[0] as number];
  if (kind === undefined) return undefined;
  const carried = new DataView(data.buffer, data.byteOffset).getBigUint64(1);
  return { kind, carried, value: data.subarray(headBytes), stat };
}

/** When the pair in a box, or the one that it is the record of, was created. */
export function creationIn({ kind, carried, stat }: Box): bigint {
  return carried || BigInt(kind === 'bound' ? stat.czxid : stat.mzxid);
}

/** The pair in the node of a permanent key. */
export function permanentPair(
  key: string,
  value: Uint8Array,
  stat: Stat,
  createRevision = BigInt(stat.czxid),
): StoredPair {
  return { key, value, revision: `${stat.czxid}.${stat.version}`, createRevision };
}

/** The pair in a box. */
export function boundPair(key: string, value: Uint8Array, stat: Stat, createRevision: bigint): StoredPair {
  return { key, value, revision: `${stat.czxid}.${stat.version}${boundSuffix}`, createRevision };
}

const boundSuffix = 'b';
const revisionSyntax = /^(\d+)\.(-?\d+)(b?)$/;

export interface ParsedRevision {
  readonly czxid: number;
  readonly version: number;
  readonly bound: boolean;
}

/** `undefined`: this driver has never made such a one. */
export function parseRevision(revision: string): ParsedRevision | undefined {
  const [, czxid, version, suffix] = revisionSyntax.exec(revision) ?? [];
  return czxid === undefined
    ? undefined
    : { czxid: Number(czxid), version: Number(version), bound: suffix === boundSuffix };
}

/** The kind of the node of a bound pair. */
export function isOfSession({ ephemeralOwner }: Stat, sessionId: string): boolean {
  return ephemeralOwner === sessionId;
}

export const record: NodeKind = 'persistent';

function startsWithMarker(bytes: Uint8Array): boolean {
  if (bytes.length < marker.length || bytes[0] !== 0) return false;
  for (let i = 1; i < marker.length; i++) if (bytes[i] !== marker[i]) return false;
  return true;
}

function concat(first: Uint8Array, second: Uint8Array): Uint8Array {
  const both = new Uint8Array(first.length + second.length);
  both.set(first);
  both.set(second, first.length);
  return both;
}
