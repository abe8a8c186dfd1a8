import { KvError, type StoredPair } from '@kv/core';
import type { Connection, Node, Stat } from './connection.ts';
import { boxName, childPath } from './keyspace.ts';
import {
  type Box,
  boundPair,
  creationIn,
  decodeBox,
  decodeValue,
  encodeBox,
  isDirectory,
  mayBeNoKey,
  mayHaveBox,
  permanentPair,
  record,
} from './layout.ts';

/**
 * Which watches to leave: none; those that tell of every change of a key whose node is there (what follows a whole tree learns by the
 * names of children what is new); or also those that tell when the key comes.
 */
export type Watching = 'none' | 'changes' | 'creation';

/** What lies at the path of a key. */
export interface KeyState {
  readonly node: Node;
  readonly box: Box | undefined;
  /** `undefined`: the node is no key. */
  readonly pair: StoredPair | undefined;
}

/** The pair of a key. One request for a permanent key without children, and for a key whose path does not exist. */
export async function readPair(
  connection: Connection,
  key: string,
  path: string,
  watching: Watching = 'none',
): Promise<StoredPair | undefined> {
  const node = await connection.read(path, watching !== 'none');
  if (node === undefined && watching !== 'creation') return undefined;
  return node !== undefined && !mayHaveBox(node.stat) && decodeValue(node.data) !== undefined
    ? simplePair(key, node)
    : (await readState(connection, key, path, watching, node))?.pair;
}

/** The pair of a node that was read already. */
export function pairOf(
  connection: Connection,
  key: string,
  path: string,
  node: Node,
  watching: Watching = 'none',
): StoredPair | Promise<StoredPair | undefined> {
  const simple = mayHaveBox(node.stat) ? undefined : simplePair(key, node);
  return simple ?? readState(connection, key, path, watching, node).then((state) => state?.pair);
}

function simplePair(key: string, { stat, data }: Node): StoredPair | undefined {
  const value = decodeValue(data);
  return value && permanentPair(key, value, stat);
}

/** Whether there is a key. @param stat Of its node, if there is one. */
export async function keyExists(connection: Connection, key: string, path: string, stat: Stat): Promise<boolean> {
  if (!mayBeNoKey(stat)) return true;
  return (await readPair(connection, key, path)) !== undefined;
}

/**
 * Node and box as they were at one moment. `undefined`: no node.
 *
 * @param known The node as it was just read.
 */
export async function readState(
  connection: Connection,
  key: string,
  path: string,
  watching: Watching = 'none',
  known?: Node,
): Promise<KeyState | undefined> {
  const boxPath = childPath(path, boxName);
  const watched = watching !== 'none';
  let node = known ?? (await connection.read(path, watched));
  for (;;) {
    if (node === undefined) {
      if (watching !== 'creation' || (await connection.stat(path, true)) === undefined) return undefined;
      node = await connection.read(path, watched);
      continue;
    }
    const [found, later] = await Promise.all([connection.read(boxPath, watched), connection.stat(path, false)]);
    if (later?.mzxid !== node.stat.mzxid) {
      node = await connection.read(path, watched);
      continue;
    }
    const box = decodeBox(found);
    // The box of a key that is absent may come by itself.
    if (found === undefined && watching === 'creation' && (await connection.stat(boxPath, true)) !== undefined)
      continue;
    const value = decodeValue(node.data);
    if (value === undefined) {
      const pair = box?.kind === 'bound' ? boundPair(key, box.value, box.stat, creationIn(box)) : undefined;
      return { node, box, pair };
    }
    if (needsRecord(node.stat, box) && (await recordCreation(connection, boxPath, box))) continue;
    return { node, box, pair: permanentPair(key, value, node.stat, creationOf(node.stat, box)) };
  }
}

/** When the key with a value in its node was created. */
export function creationOf(stat: Stat, box: Box | undefined): bigint {
  if (box === undefined) return BigInt(isDirectory(stat) ? stat.mzxid : stat.czxid);
  return box.kind === 'dead' ? BigInt(stat.mzxid) : creationIn(box);
}

/** Whether a key has come to be on a node that is older, and its creation is not on record yet. */
function needsRecord(stat: Stat, box: Box | undefined): boolean {
  return box === undefined ? isDirectory(stat) : box.kind === 'dead';
}

/** Whoever sees that a record is missing makes it: the writer may have died. @returns Whether to look again. */
async function recordCreation(connection: Connection, boxPath: string, box: Box | undefined): Promise<boolean> {
  const data = encodeBox('alive');
  try {
    if (box === undefined) await connection.create(boxPath, data, record);
    else await connection.set(boxPath, data, box.stat.version);
    return true;
  } catch (error) {
    if (KvError.is(error, 'KV_PERMISSION_DENIED')) return false;
    throw error;
  }
}
