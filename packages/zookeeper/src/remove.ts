import type { CallContext } from '@kv/core';
import { anyVersion, type Connection } from './connection.ts';
import { midway } from './errors.ts';
import { boxName, childPath, type Keyspace } from './keyspace.ts';
import { encodeBox, isDirectory, mayHaveBox, noKey, parseRevision, record } from './layout.ts';
import { checkTime } from './link.ts';
import { readState } from './read.ts';
import { inWindow } from './window.ts';
import { modified, notFound } from './write.ts';

/** Deletes a key and leaves its children. Two requests, in one pipeline, for a permanent key without. @returns Whether it existed. */
export async function deleteKey(
  connection: Connection,
  key: string,
  path: string,
  call: CallContext,
): Promise<boolean> {
  const looking = connection.stat(path, false);
  // Awaited only where something was removed.
  looking.catch(() => {});
  const removed = await connection.remove(path, anyVersion);
  if (removed !== 'removed') return removed === 'not-empty' && deleteFromNode(connection, key, path, undefined, call);
  const stat = await midway(looking);
  // A directory that could be removed had no box, and so no value. What was not there yet has come just now, as keys do.
  return stat === undefined || !isDirectory(stat);
}

/**
 * Deletes a key if its pair has the revision `previous`. Two requests for a permanent key without children: the first one tells apart
 * what was created anew and has the same version. @throws `KV_KEY_NOT_FOUND`, `KV_KEY_MODIFIED`.
 */
export async function compareAndDelete(
  connection: Connection,
  key: string,
  path: string,
  previous: string,
  call: CallContext,
): Promise<void> {
  const expected = parseRevision(previous);
  const stat = expected?.bound === false ? await connection.stat(path, false) : undefined;
  if (stat !== undefined && !mayHaveBox(stat) && stat.czxid === expected?.czxid && stat.version === expected.version) {
    if ((await connection.remove(path, stat.version)) === 'removed') return;
  }
  if (!(await deleteFromNode(connection, key, path, previous, call))) throw notFound();
}

/** Removes what lies below a directory; not what belongs to the key of the same name. */
export async function deleteBelow(
  connection: Connection,
  keyspace: Keyspace,
  directory: string,
  call: CallContext,
): Promise<void> {
  const path = keyspace.path(directory);
  const names = (await connection.children(path, false)) ?? [];
  const removing = inWindow(names, async (name) => {
    const key = keyspace.childKey(directory, name);
    if (key === undefined) return;
    const child = childPath(path, name);
    if ((await connection.remove(child, anyVersion)) !== 'not-empty') return;
    checkTime(call);
    await deleteBelow(connection, keyspace, key, call);
    await connection.remove(childPath(child, boxName), anyVersion);
    // Not empty: somebody has written below it meanwhile.
    if ((await connection.remove(child, anyVersion)) === 'not-empty') await deleteKey(connection, key, child, call);
  });
  await midway(removing);
}

async function deleteFromNode(
  connection: Connection,
  key: string,
  path: string,
  previous: string | undefined,
  call: CallContext,
): Promise<boolean> {
  const boxPath = childPath(path, boxName);
  for (;;) {
    const state = await readState(connection, key, path);
    if (state?.pair === undefined) return false;
    const { node, box, pair } = state;
    if (previous !== undefined && pair.revision !== previous) throw modified();
    if (pair.revision.endsWith('b')) {
      if ((await connection.remove(boxPath, box?.stat.version ?? anyVersion)) === 'removed') return true;
    } else if (box?.kind === 'bound') {
      // It would count as soon as the value is gone.
      await connection.remove(boxPath, box.stat.version);
    } else if (node.stat.numChildren === 0) {
      if ((await connection.remove(path, node.stat.version)) === 'removed') return true;
    } else if (typeof (await connection.set(path, noKey, node.stat.version)) === 'object') {
      await midway(markDead(connection, key, path, call));
      return true;
    }
    checkTime(call);
  }
}

/** After the value has been taken from a node that stays: the next key on it is another one. */
async function markDead(connection: Connection, key: string, path: string, call: CallContext): Promise<void> {
  const boxPath = childPath(path, boxName);
  for (;;) {
    const state = await readState(connection, key, path);
    if (state === undefined || state.pair !== undefined || state.box?.kind === 'dead') return;
    const { node, box } = state;
    const dead = encodeBox('dead');
    const marked =
      box === undefined
        ? (await connection.create(boxPath, dead, record)) !== 'exists'
        : typeof (await connection.set(boxPath, dead, box.stat.version)) === 'object';
    if (marked) {
      const own = box === undefined ? 0 : 1;
      if (node.stat.numChildren === own) await removeEmpty(connection, key, path);
      return;
    }
    checkTime(call);
  }
}

/** Removes a node that nobody needs any more, and a record on it. */
async function removeEmpty(connection: Connection, key: string, path: string): Promise<void> {
  const state = await readState(connection, key, path);
  if (state?.box?.kind !== 'dead' || state.pair !== undefined || state.node.stat.numChildren !== 1) return;
  const { node, box } = state;
  const [, removed] = await Promise.all([
    connection.remove(childPath(path, boxName), box.stat.version),
    connection.remove(path, node.stat.version),
  ]);
  // Somebody has written the key meanwhile: reading it puts its creation on record again.
  if (removed === 'bad-version') await readState(connection, key, path);
}
