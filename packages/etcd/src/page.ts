import { Buffer } from 'node:buffer';
import { type CallContext, KvError, type ListRequest } from '@kv/core';
import type { IKeyValue, IRangeResponse } from 'etcd3';
import type { Client } from './client.ts';
import { isCompacted } from './errors.ts';
import type { Keyspace } from './keyspace.ts';

export interface Page {
  readonly kvs: readonly IKeyValue[];
  /** Absent on the last page. */
  readonly next?: Cursor;
}

/** Where the next page begins. */
interface Cursor {
  /** Of the snapshot that the first page was read from. */
  readonly revision: string;
  readonly start: Buffer;
}

const slash = '/'.charCodeAt(0);

/**
 * Reads what is below a directory, or the next `limit` keys of it: all pages at the revision of the first one. If that has
 * been compacted meanwhile, the rest is read as it is now.
 */
export async function readPage(
  client: Client,
  keyspace: Keyspace,
  directory: string,
  { recursive, after, limit, consistency, cursor }: ListRequest,
  keysOnly: boolean,
  call: CallContext,
): Promise<Page> {
  const stale = consistency === 'stale';
  const earlier = cursor as Cursor | undefined;
  const range = {
    ...keyspace.below(directory, after),
    ...(earlier && { key: earlier.start }),
    ...(limit !== undefined && { limit }),
    keys_only: keysOnly,
    serializable: stale,
  };
  const read = (revision: string): Promise<IRangeResponse> =>
    client.send('range', { ...range, revision }, call, stale ? 'anyServer' : 'requireLeader');
  let revision = earlier?.revision;
  let response: IRangeResponse;
  try {
    response = await read(revision ?? latest);
  } catch (error) {
    if (revision === undefined || !KvError.is(error) || !isCompacted(error.cause)) throw error;
    revision = undefined;
    response = await read(latest);
  }
  const { kvs, more, header } = response;
  const last = kvs.at(-1)?.key;
  const depth = keyspace.depth(directory);
  const children = recursive ? kvs : kvs.filter(({ key }) => key.indexOf(slash, depth) === -1);
  if (!more || last === undefined) return { kvs: children };
  const start = recursive ? following(last) : followingSubtree(last, depth);
  return { kvs: children, next: { revision: revision ?? header.revision, start } };
}

const latest = '0';

function following(key: Buffer): Buffer {
  return Buffer.concat([key, Buffer.of(0)]);
}

/** The first key after `key`, and after all keys that share its first segment below the directory. */
function followingSubtree(key: Buffer, depth: number): Buffer {
  const end = key.indexOf(slash, depth);
  return end === -1 ? following(key) : Buffer.concat([key.subarray(0, end), Buffer.of(slash + 1)]);
}
