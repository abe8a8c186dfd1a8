import type { CallContext, StoredPair } from '@kv/core';
import type { Connection, Node, NodeKind, Stat } from './connection.ts';
import { midway } from './errors.ts';
import { boxName, childPath } from './keyspace.ts';
import { boundPair, decodeValue, encodeBox, isOfSession, noKey } from './layout.ts';
import { checkTime } from './link.ts';
import { creationOf, type KeyState, readState } from './read.ts';
import {
  conflict,
  createBelow,
  hasReadersRecord,
  keyExistsError,
  makeDirectory,
  modified,
  notFound,
  type Write,
} from './write.ts';

export interface BoundWrite extends Write {
  /** Whose node it becomes: that of a session, or any where it has a time to live. */
  readonly creator: Connection;
  readonly kind: Extract<NodeKind, 'ephemeral'> | { readonly ttl: number };
  /** Only if the pair has this revision; `null`: only if there is none. `undefined`: in any case. */
  readonly previous: string | null | undefined;
}

/** Creates or replaces a pair that ends by itself. Two requests where its directory, and no pair, exists. */
export async function putBound(connection: Connection, write: BoundWrite, call: CallContext): Promise<StoredPair> {
  const { key, path, previous } = write;
  const boxPath = childPath(path, boxName);
  for (;;) {
    if (previous === undefined || previous === null) {
      const pair = await create(connection, write, boxPath, call);
      if (pair !== undefined) return pair;
    }
    const state = await readState(connection, key, path);
    if (previous === null && state?.pair !== undefined) throw keyExistsError();
    if (typeof previous === 'string' && state?.pair?.revision !== previous) {
      throw state?.pair === undefined ? notFound() : modified();
    }
    if (state !== undefined) {
      const pair = await replace(connection, write, boxPath, state, call);
      if (pair !== undefined) return pair;
    }
    checkTime(call);
  }
}

/** @returns `undefined` if there is a box, or what is there has to be replaced. */
async function create(
  connection: Connection,
  write: BoundWrite,
  boxPath: string,
  call: CallContext,
): Promise<StoredPair | undefined> {
  const { value, creator, kind } = write;
  const created = await createBelow(connection, creator, boxPath, encodeBox('bound', 0n, value), kind, call);
  return typeof created === 'string' ? undefined : midway(finishCreated(connection, write, boxPath, call));
}

/** After a box has been created: a value in the node may be there, which it has to replace. */
async function finishCreated(
  connection: Connection,
  write: BoundWrite,
  boxPath: string,
  call: CallContext,
): Promise<StoredPair | undefined> {
  const { key, path, value, creator, previous } = write;
  const [stat, node] = await Promise.all([creator.stat(boxPath, false), creator.read(path, false)]);
  if (stat === undefined || node === undefined) return undefined;
  if (decodeValue(node.data) === undefined) return boundPair(key, value, { ...stat, version: 0 }, BigInt(stat.czxid));
  if (previous === null) {
    await creator.remove(boxPath, 0);
    throw keyExistsError();
  }
  const createRevision = creationOf(node.stat, undefined);
  const renamed = await creator.set(boxPath, encodeBox('bound', createRevision, value), 0);
  if (typeof renamed === 'string') return undefined;
  return takeOver(connection, write, boxPath, node.stat.version, renamed, createRevision, call);
}

/** @returns `undefined` if somebody else was faster. */
async function replace(
  connection: Connection,
  write: BoundWrite,
  boxPath: string,
  state: KeyState,
  call: CallContext,
): Promise<StoredPair | undefined> {
  const { key, value, creator, kind } = write;
  const { node, box, pair } = state;
  const permanent = decodeValue(node.data) !== undefined;
  if (!permanent && box?.kind === 'bound' && kind === 'ephemeral' && isOfSession(box.stat, creator.sessionId)) {
    const carried = encodeBox('bound', box.carried, value);
    const stat = await creator.set(boxPath, carried, box.stat.version);
    return typeof stat === 'object' ? boundPair(key, value, stat, pair?.createRevision as bigint) : undefined;
  }
  const removed = box && (await connection.remove(boxPath, box.stat.version));
  if (pair === undefined || (box !== undefined && removed !== 'removed')) return undefined;
  const putting = putBox(connection, write, boxPath, node, pair, call);
  return box === undefined ? putting : midway(putting);
}

/** @param node Without a box. */
async function putBox(
  connection: Connection,
  write: BoundWrite,
  boxPath: string,
  node: Node,
  pair: StoredPair,
  call: CallContext,
): Promise<StoredPair | undefined> {
  const { key, path, value, creator, kind, previous } = write;
  const data = encodeBox('bound', pair.createRevision, value);
  for (;;) {
    const created = await creator.create(boxPath, data, kind);
    if (typeof created === 'object') break;
    if (created === 'no-parent') await makeDirectory(connection, path);
    else if (await hasReadersRecord(connection, boxPath)) await connection.remove(boxPath, 0);
    else if (typeof previous === 'string') throw await conflict(connection, { key, path }, previous);
    else return undefined;
    checkTime(call);
  }
  return midway(finishPut(connection, write, boxPath, node, pair, call));
}

async function finishPut(
  connection: Connection,
  write: BoundWrite,
  boxPath: string,
  node: Node,
  { createRevision }: StoredPair,
  call: CallContext,
): Promise<StoredPair | undefined> {
  const { key, path, value, creator, previous } = write;
  const stat = await creator.stat(boxPath, false);
  if (stat === undefined) return undefined;
  if (decodeValue(node.data) !== undefined) {
    const pair = await takeOver(connection, write, boxPath, node.stat.version, stat, createRevision, call);
    if (pair !== undefined) return pair;
  } else if (await isNoKey(creator, path)) {
    return boundPair(key, value, { ...stat, version: 0 }, createRevision);
  }
  if (typeof previous === 'string') {
    const box = await creator.stat(boxPath, false);
    // It may be another's by now.
    if (box?.czxid === stat.czxid) await creator.remove(boxPath, box.version);
    throw modified();
  }
  checkTime(call);
  return undefined;
}

/**
 * Makes the box count in place of the value in the node. Whoever has written that value removes a box that is there, as long as
 * it counts and the box has the version that it was read with: hence the second write.
 *
 * @returns `undefined`: there is another value.
 */
async function takeOver(
  connection: Connection,
  { key, path, value, creator, kind }: BoundWrite,
  boxPath: string,
  version: number,
  box: Stat,
  createRevision: bigint,
  call: CallContext,
): Promise<StoredPair | undefined> {
  const set = await creator.set(path, noKey, version);
  if (typeof set === 'string') return undefined;
  const data = encodeBox('bound', createRevision, value);
  let stat = await creator.set(boxPath, data, box.version);
  if (typeof stat === 'string') {
    // The value has gone already. Where there is another box, somebody has written the key since.
    await createBelow(connection, creator, boxPath, data, kind, call);
    stat = { ...((await creator.stat(boxPath, false)) ?? box), version: 0 };
  }
  return boundPair(key, value, stat, createRevision);
}

async function isNoKey(connection: Connection, path: string): Promise<boolean> {
  const node = await connection.read(path, false);
  return node !== undefined && decodeValue(node.data) === undefined;
}

/** The longest time to live, in milliseconds: an int32 in the client. */
export const longestTtlMs = 2 ** 31 - 1;
