import { type CallContext, KvError, type StoredPair } from '@kv/core';
import { anyVersion, type Connection, type Created, type NodeKind, type Stat } from './connection.ts';
import { midway } from './errors.ts';
import { boxName, childPath, parentPath } from './keyspace.ts';
import {
  creationIn,
  decodeBox,
  encodeBox,
  encodeValue,
  isDirectory,
  isMortal,
  mayHaveBox,
  noKey,
  parseRevision,
  permanentPair,
  record,
} from './layout.ts';
import { checkTime } from './link.ts';
import { readPair, readState } from './read.ts';

/** What is to be written. */
export interface Write {
  readonly key: string;
  readonly path: string;
  readonly value: Uint8Array;
}

/** Creates or replaces a permanent pair. One request where the key exists. */
export async function putPermanent(connection: Connection, write: Write, call: CallContext): Promise<StoredPair> {
  const { key, path, value } = write;
  const data = encodeValue(value);
  for (;;) {
    const stat = await connection.set(path, data, anyVersion);
    if (typeof stat === 'object') {
      if (!mayHaveBox(stat) && !isMortal(stat)) return permanentPair(key, value, stat);
      const pair = await midway(finishPermanent(connection, write, stat, call));
      if (pair !== undefined) return pair;
    } else {
      const pair = await createPermanent(connection, write, call);
      if (pair !== undefined) return pair;
    }
    checkTime(call);
  }
}

/** As `putPermanent`, if the pair has the revision `previous`; `null`: if there is none. */
export async function compareAndPutPermanent(
  connection: Connection,
  write: Write,
  previous: string | null,
  call: CallContext,
): Promise<StoredPair> {
  if (previous === null) return createOnly(connection, write, call);
  const { key, path, value } = write;
  const expected = parseRevision(previous);
  if (expected === undefined) throw await conflict(connection, write, previous);
  if (expected.bound) return freeBound(connection, write, previous, call);
  const stat = await connection.set(path, encodeValue(value), expected.version);
  if (typeof stat === 'string') throw await conflict(connection, write, previous);
  if (!mayHaveBox(stat)) return permanentPair(key, value, stat, BigInt(stat.czxid));
  return midway(finishReplaced(connection, write, stat, expected.czxid, call));
}

/** @param czxid Of the node that was to be written. */
async function finishReplaced(
  connection: Connection,
  write: Write,
  stat: Stat,
  czxid: number,
  call: CallContext,
): Promise<StoredPair> {
  const { key, path, value } = write;
  if (stat.czxid !== czxid && (await undoOnDirectory(connection, path, stat))) throw notFound();
  return (await finishPermanent(connection, write, stat, call)) ?? permanentPair(key, value, stat);
}

/** What a compare-and-set failed for, as the key is now. */
export async function conflict(
  connection: Connection,
  { key, path }: Pick<Write, 'key' | 'path'>,
  previous: string | null,
): Promise<KvError> {
  if (previous === null) return keyExistsError();
  return (await readPair(connection, key, path)) === undefined ? notFound() : modified();
}

export function keyExistsError(): KvError {
  return new KvError('KV_KEY_EXISTS', 'the key exists', { outcome: 'not-applied' });
}

export function notFound(): KvError {
  return new KvError('KV_KEY_NOT_FOUND', 'the key does not exist', { outcome: 'not-applied' });
}

export function modified(): KvError {
  return new KvError('KV_KEY_MODIFIED', 'the pair has another revision than the one given', { outcome: 'not-applied' });
}

/**
 * Creates a node, and those above it that are missing. Another client, or the server, may remove one of those meanwhile.
 *
 * @param creator Whose session an ephemeral node belongs to.
 */
export async function createBelow(
  connection: Connection,
  creator: Connection,
  path: string,
  data: Uint8Array,
  kind: NodeKind,
  call: CallContext,
): Promise<Exclude<Created, 'no-parent'>> {
  for (;;) {
    const created = await creator.create(path, data, kind);
    if (created === 'ephemeral-parent') throw ephemeralParent();
    if (created !== 'no-parent') return created;
    await makeDirectory(connection, parentPath(path));
    checkTime(call);
  }
}

/** Makes a node that is no key, and those above it, where they are missing. */
export async function makeDirectory(connection: Connection, path: string): Promise<void> {
  const created = await connection.create(path, noKey, 'container');
  if (created === 'no-parent') return makeDirectories(connection, path);
  await finishDirectory(connection, path, created);
}

/** In one pipeline: whoever answers in the order of the requests has made a node before it is asked for one below. */
async function makeDirectories(connection: Connection, path: string): Promise<void> {
  const paths: string[] = [];
  for (let end = path.indexOf('/', 1); end !== -1; end = path.indexOf('/', end + 1)) paths.push(path.slice(0, end));
  paths.push(path);
  const stats = await Promise.all(paths.map((at) => connection.stat(at, false)));
  const missing = paths.filter((_, i) => stats[i] === undefined);
  const created = await Promise.all(missing.map((at) => connection.create(at, noKey, 'container')));
  await Promise.all(missing.map((at, i) => finishDirectory(connection, at, created[i] as Created)));
}

async function finishDirectory(connection: Connection, path: string, created: Created): Promise<void> {
  if (created === 'ephemeral-parent') throw ephemeralParent();
  // Where it could not be made, the one who needs it tries again.
  if (typeof created === 'string') return;
  // Often enough to be told apart (layout.ts), with the first time that makes it private.
  const [, , stat] = await Promise.all([
    connection.restrict(path),
    connection.restrict(path),
    connection.stat(path, false),
  ]);
  // Somebody has written the key before it could be told apart: what was left out then is made up for.
  if (stat !== undefined && stat.version > 0) await readState(connection, '', path);
}

/** @returns `undefined` if there is a node. */
async function createPermanent(
  connection: Connection,
  { key, path, value }: Write,
  call: CallContext,
): Promise<StoredPair | undefined> {
  const created = await createBelow(connection, connection, path, encodeValue(value), 'persistent', call);
  return created === 'exists' ? undefined : midway(readCreated(connection, { key, path, value }));
}

/** The answer does not tell the transaction. */
async function readCreated(connection: Connection, { key, path, value }: Write): Promise<StoredPair> {
  const stat = await connection.stat(path, false);
  if (stat !== undefined) return permanentPair(key, value, { ...stat, version: 0 });
  // Deleted already: what can still be said is that it was created no later than the last change of its parent.
  const parent = await connection.stat(parentPath(path), false);
  return { key, value, revision: '0.0', createRevision: BigInt(parent?.pzxid ?? 0) };
}

async function createOnly(connection: Connection, write: Write, call: CallContext): Promise<StoredPair> {
  const { key, path, value } = write;
  for (;;) {
    const created = await createPermanent(connection, write, call);
    if (created !== undefined) return created;
    const state = await readState(connection, key, path);
    if (state?.pair !== undefined) throw keyExistsError();
    if (state !== undefined) {
      const stat = await connection.set(path, encodeValue(value), state.node.stat.version);
      if (typeof stat === 'object') {
        const pair = await midway(finishFirst(connection, write, stat, call));
        if (pair !== undefined) return pair;
      }
    }
    checkTime(call);
  }
}

/** As `finishPermanent`, unless another one was first. */
async function finishFirst(
  connection: Connection,
  write: Write,
  stat: Stat,
  call: CallContext,
): Promise<StoredPair | undefined> {
  const { path } = write;
  const box = decodeBox(await connection.read(childPath(path, boxName), false));
  if (box?.kind !== 'bound') return finishPermanent(connection, write, stat, call);
  // One that bound the key to a session came between, and may have been told that it was first.
  await connection.set(path, noKey, stat.version);
  throw keyExistsError();
}

/**
 * After a value has been written into a node that may have a box: puts on record when the key was created, and removes what an
 * earlier lifetime has left.
 *
 * @returns `undefined` if the node is gone, or goes by itself: the value has to be written again.
 */
async function finishPermanent(
  connection: Connection,
  write: Write,
  stat: Stat,
  call: CallContext,
): Promise<StoredPair | undefined> {
  const { key, path, value } = write;
  if (isMortal(stat)) {
    await connection.remove(path, stat.version);
    return undefined;
  }
  const boxPath = childPath(path, boxName);
  for (;;) {
    const box = decodeBox(await connection.read(boxPath, false));
    if (box === undefined) {
      if (!isDirectory(stat)) return permanentPair(key, value, stat);
      if ((await connection.create(boxPath, encodeBox('alive'), record)) === 'no-parent') return undefined;
    } else if (box.kind === 'alive') {
      return permanentPair(key, value, stat, creationIn(box));
    } else if (box.kind === 'dead') {
      await connection.set(boxPath, encodeBox('alive'), box.stat.version);
    } else {
      const pair = permanentPair(key, value, stat);
      const now = await connection.stat(path, false);
      // A box that has taken the place of the value is another write's, and later.
      if (now !== undefined && now.mzxid !== stat.mzxid) return pair;
      if ((await connection.remove(boxPath, box.stat.version)) === 'removed') {
        return keepCreation(connection, write, pair, creationIn(box), call);
      }
    }
  }
}

/**
 * Puts on record that a key which has just become permanent is older.
 *
 * @param written `undefined`: somebody else was faster.
 */
async function keepCreation(
  connection: Connection,
  write: Write,
  written: StoredPair | undefined,
  createRevision: bigint,
  call: CallContext,
): Promise<StoredPair | undefined> {
  const boxPath = childPath(write.path, boxName);
  const data = encodeBox('alive', createRevision);
  let pair = written;
  while (pair !== undefined) {
    const created = await connection.create(boxPath, data, record);
    if (created === 'exists' && (await hasReadersRecord(connection, boxPath))) await connection.set(boxPath, data, 0);
    if (created !== 'no-parent') return { ...pair, createRevision };
    // The box was all that the node held, and the server removes what is empty.
    pair = await createPermanent(connection, write, call);
  }
  return undefined;
}

/** Whether somebody who has read the key has put on record that it was created: without knowing when, in the midst of a write. */
export async function hasReadersRecord(connection: Connection, boxPath: string): Promise<boolean> {
  const box = decodeBox(await connection.read(boxPath, false));
  return box?.kind === 'alive' && box.stat.version === 0;
}

/**
 * A version may fit by chance: that of a node which was made since, for the sake of its children.
 *
 * @returns Whether it was so, and has been taken back.
 */
async function undoOnDirectory(connection: Connection, path: string, stat: Stat): Promise<boolean> {
  if (!isDirectory(stat)) return false;
  const box = decodeBox(await connection.read(childPath(path, boxName), false));
  if (box?.kind === 'alive') return false;
  await connection.set(path, noKey, stat.version);
  return true;
}

/** Makes a bound pair permanent, if it has the revision `previous`. Its removal is what decides. */
async function freeBound(
  connection: Connection,
  write: Write,
  previous: string,
  call: CallContext,
): Promise<StoredPair> {
  const { key, path } = write;
  const boxPath = childPath(path, boxName);
  const state = await readState(connection, key, path);
  if (state?.pair === undefined) throw notFound();
  const { node, box, pair } = state;
  if (pair.revision !== previous || box === undefined) throw modified();
  if ((await connection.remove(boxPath, box.stat.version)) !== 'removed') {
    throw await conflict(connection, write, previous);
  }
  return midway(putFreed(connection, write, node.stat, pair.createRevision, call));
}

/** @param stat Of the node without its box. */
async function putFreed(
  connection: Connection,
  write: Write,
  { version }: Stat,
  createRevision: bigint,
  call: CallContext,
): Promise<StoredPair> {
  const { key, path, value } = write;
  const stat = await connection.set(path, encodeValue(value), version);
  const written =
    typeof stat === 'object'
      ? permanentPair(key, value, stat)
      : stat === 'no-node'
        ? await createPermanent(connection, write, call)
        : undefined;
  const pair = await keepCreation(connection, write, written, createRevision, call);
  if (pair === undefined) throw modified();
  return pair;
}

function ephemeralParent(): KvError {
  return new KvError(
    'KV_UNSUPPORTED',
    'a node above the key is ephemeral, made by another program: ZooKeeper allows it no children',
    { outcome: 'not-applied' },
  );
}
