import { type CallContext, compareKeys, type ListPage, type ListRequest, prefixOf, type StoredPair } from '@kv/core';
import type { Connection, Stat } from './connection.ts';
import { boxName, type Keyspace } from './keyspace.ts';
import { decodeValue } from './layout.ts';
import { checkTime } from './link.ts';
import { keyExists, pairOf } from './read.ts';
import { inWindow } from './window.ts';

/** Reads one node: what is listed for it, and its stat. `undefined`: there is no node. */
type ReadItem<Item> = (
  key: string,
  path: string,
) => Promise<{ readonly item: Item | undefined; readonly stat: Stat } | undefined>;

export function readPairItem(connection: Connection): ReadItem<StoredPair> {
  return async (key, path) => {
    const node = await connection.read(path, false);
    return node && { item: await pairOf(connection, key, path, node), stat: node.stat };
  };
}

/** Without the transfer of a value, unless it is as long as the marker. */
export function readKeyItem(connection: Connection): ReadItem<string> {
  return async (key, path) => {
    const stat = await connection.stat(path, false);
    return stat && { item: (await keyExists(connection, key, path, stat)) ? key : undefined, stat };
  };
}

/** Something that is still to be looked at. It sorts as its key does; a directory comes after the key of the same name. */
interface Pending {
  readonly key: string;
  readonly order: string;
  readonly directory: boolean;
}

/** What is below a directory, or the next of it. */
export async function readPage<Item extends string | StoredPair>(
  connection: Connection,
  keyspace: Keyspace,
  directory: string,
  request: ListRequest,
  readItem: ReadItem<Item>,
  call: CallContext,
): Promise<ListPage<Item>> {
  if (request.limit === undefined && request.cursor === undefined) {
    const items: Item[] = [];
    await readAll(connection, keyspace, directory, request, readItem, items, call);
    return { items: items.sort((a, b) => compareKeys(keyOf(a), keyOf(b))) };
  }
  return readSome(connection, keyspace, directory, request, readItem, call);
}

async function readAll<Item>(
  connection: Connection,
  keyspace: Keyspace,
  directory: string,
  request: ListRequest,
  readItem: ReadItem<Item>,
  items: Item[],
  call: CallContext,
): Promise<void> {
  const inner: string[] = [];
  await inWindow(await childKeys(connection, keyspace, directory), async (key) => {
    if (request.after !== undefined && isBefore(key, request.after)) return;
    const read = await readItem(key, keyspace.path(key));
    if (read === undefined) return;
    if (read.item !== undefined && isAfter(key, request.after)) items.push(read.item);
    if (request.recursive && read.stat.numChildren > 0) inner.push(key);
  });
  checkTime(call);
  await inWindow(inner, (key) => readAll(connection, keyspace, key, request, readItem, items, call));
}

/** In the order of keys: reads only what comes next, and keeps the names of what is left. */
async function readSome<Item extends string | StoredPair>(
  connection: Connection,
  keyspace: Keyspace,
  directory: string,
  { recursive, after, limit = Number.POSITIVE_INFINITY, cursor }: ListRequest,
  readItem: ReadItem<Item>,
  call: CallContext,
): Promise<ListPage<Item>> {
  // The last one comes first.
  const left = (cursor as Pending[] | undefined)?.slice() ?? (await expand(connection, keyspace, directory, after));
  const items: Item[] = [];
  let lone = 0;
  while (left.length > 0 && items.length < limit) {
    checkTime(call);
    const next = left.pop() as Pending;
    if (next.directory) {
      merge(left, await expand(connection, keyspace, next.key, after));
      continue;
    }
    const batch = [next];
    while (batch.length < limit - items.length && left.at(-1)?.directory === false) batch.push(left.pop() as Pending);
    lone = batch.length === 1 ? lone + 1 : 0;
    const below = recursive && lone > 1 ? await passage(connection, keyspace, next.key, after) : undefined;
    if (below !== undefined) {
      merge(left, below);
      continue;
    }
    const found: (Item | undefined)[] = [];
    const directories: Pending[] = [];
    await inWindow(batch, async ({ key }, i) => {
      const read = await readItem(key, keyspace.path(key));
      found[i] = read?.item;
      if (recursive && read !== undefined && read.stat.numChildren > 0) directories.push(pending(key, true));
    });
    const first = directories.map(({ order }) => order).reduce<string | undefined>(smaller, undefined);
    for (const [i, entry] of batch.entries()) {
      const item = found[i];
      // What comes after the content of a directory is read again once that has been.
      if (first !== undefined && compareKeys(entry.order, first) > 0) merge(left, [entry]);
      else if (item !== undefined && isAfter(entry.key, after)) items.push(item);
    }
    // So is the directory of one that is put back.
    merge(left, first === undefined ? [] : directories.filter(({ key }) => compareKeys(key, first) <= 0));
  }
  return { items, ...(left.length > 0 && { next: left }) };
}

/**
 * Where one only child follows another, as in a long key: what is below a node that is no key, in one round trip for each.
 * `undefined`: it may be a key, or has no children.
 */
async function passage(
  connection: Connection,
  keyspace: Keyspace,
  key: string,
  after: string | undefined,
): Promise<Pending[] | undefined> {
  const path = keyspace.path(key);
  const [node, names = [], later] = await Promise.all([
    connection.read(path, false),
    connection.children(path, false),
    connection.stat(path, false),
  ]);
  if (node === undefined || later?.mzxid !== node.stat.mzxid || decodeValue(node.data) !== undefined) return undefined;
  if (names.length === 0 || names.includes(boxName)) return undefined;
  return inOrder(keysOf(keyspace, key, names), after);
}

async function expand(
  connection: Connection,
  keyspace: Keyspace,
  directory: string,
  after: string | undefined,
): Promise<Pending[]> {
  return inOrder(await childKeys(connection, keyspace, directory), after);
}

function inOrder(keys: readonly string[], after: string | undefined): Pending[] {
  const wanted = after === undefined ? keys : keys.filter((key) => !isBefore(key, after));
  return wanted.map((key) => pending(key, false)).sort(lastFirst);
}

async function childKeys(connection: Connection, keyspace: Keyspace, directory: string): Promise<string[]> {
  return keysOf(keyspace, directory, (await connection.children(keyspace.path(directory), false)) ?? []);
}

function keysOf(keyspace: Keyspace, directory: string, names: readonly string[]): string[] {
  return names.map((name) => keyspace.childKey(directory, name)).filter((key) => key !== undefined);
}

function pending(key: string, directory: boolean): Pending {
  return { key, order: directory ? prefixOf(key) : key, directory };
}

function lastFirst(a: Pending, b: Pending): number {
  return compareKeys(b.order, a.order);
}

/** Both with the last one first. What is added is about as a rule to come next. */
function merge(left: Pending[], added: readonly Pending[]): void {
  if (added.length === 0) return;
  left.push(...added);
  left.sort(lastFirst);
}

function smaller(a: string | undefined, b: string): string {
  return a === undefined || compareKeys(b, a) < 0 ? b : a;
}

function isAfter(key: string, after: string | undefined): boolean {
  return after === undefined || compareKeys(key, after) > 0;
}

/** Whether neither the key nor what is below it comes after `after`. */
function isBefore(key: string, after: string): boolean {
  const prefix = prefixOf(key);
  return compareKeys(key, after) <= 0 && compareKeys(prefix, after) <= 0 && !after.startsWith(prefix);
}

function keyOf(item: string | StoredPair): string {
  return typeof item === 'string' ? item : item.key;
}
