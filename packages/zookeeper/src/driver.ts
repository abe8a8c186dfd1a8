import {
  type CallContext,
  type Capabilities,
  type Consistency,
  type Driver,
  type DriverLock,
  type DriverSession,
  type DriverWatch,
  KvError,
  type Lifetime,
  type ListPage,
  type ListRequest,
  type StoredPair,
  type WatchSink,
  type WatchTarget,
} from '@kv/core';
import { putBound } from './bound.ts';
import type { Connection, ConnectionOptions } from './connection.ts';
import { sessionLost } from './errors.ts';
import { boxName, childPath, type Keyspace } from './keyspace.ts';
import { parseRevision } from './layout.ts';
import type { Link, OpenConnection } from './link.ts';
import { readKeyItem, readPage, readPairItem } from './listing.ts';
import { CuratorLock } from './lock.ts';
import { keyExists, readPair } from './read.ts';
import { compareAndDelete, deleteBelow, deleteKey } from './remove.ts';
import { ZooKeeperSession } from './session.ts';
import { ZooKeeperWatch } from './watch.ts';
import { inWindow } from './window.ts';
import { compareAndPutPermanent, putPermanent } from './write.ts';

export class ZooKeeperDriver implements Driver {
  readonly capabilities: Capabilities;
  readonly lock: DriverLock;
  readonly #link: Link;
  readonly #keyspace: Keyspace;
  readonly #open: OpenConnection;
  readonly #options: ConnectionOptions;

  constructor(
    link: Link,
    keyspace: Keyspace,
    open: OpenConnection,
    options: ConnectionOptions,
    capabilities: Capabilities,
  ) {
    this.capabilities = capabilities;
    this.lock = new CuratorLock(link, keyspace);
    this.#link = link;
    this.#keyspace = keyspace;
    this.#open = open;
    this.#options = options;
  }

  async get(key: string, consistency: Consistency, call: CallContext): Promise<StoredPair | undefined> {
    const connection = this.#link.connected ?? (await this.#link.ready(call));
    if (consistency !== 'stale') this.#catchUp(connection);
    return readPair(connection, key, this.#keyspace.path(key));
  }

  async getMany(
    keys: readonly string[],
    consistency: Consistency,
    call: CallContext,
  ): Promise<(StoredPair | undefined)[]> {
    const connection = await this.#link.ready(call);
    if (consistency !== 'stale') this.#catchUp(connection);
    const pairs: (StoredPair | undefined)[] = [];
    await inWindow(keys, async (key, i) => {
      pairs[i] = await readPair(connection, key, this.#keyspace.path(key));
    });
    return pairs;
  }

  async exists(key: string, call: CallContext): Promise<boolean> {
    const connection = await this.#link.ready(call);
    this.#catchUp(connection);
    const path = this.#keyspace.path(key);
    const stat = await connection.stat(path, false);
    return stat !== undefined && keyExists(connection, key, path, stat);
  }

  async put(key: string, value: Uint8Array, lifetime: Lifetime, call: CallContext): Promise<StoredPair> {
    const connection = this.#link.connected ?? (await this.#link.ready(call));
    if (lifetime.ttl !== undefined || lifetime.session !== undefined) {
      return this.#putBound(connection, key, value, undefined, lifetime, call);
    }
    return putPermanent(connection, { key, path: this.#keyspace.path(key), value }, call);
  }

  async atomicPut(
    key: string,
    value: Uint8Array,
    previous: string | null,
    lifetime: Lifetime,
    call: CallContext,
  ): Promise<StoredPair> {
    const connection = this.#link.connected ?? (await this.#link.ready(call));
    if (lifetime.ttl !== undefined || lifetime.session !== undefined) {
      return this.#putBound(connection, key, value, previous, lifetime, call);
    }
    // It reads first then; else it writes, and what it reads after that is up to date.
    if (previous !== null && parseRevision(previous)?.bound) this.#catchUp(connection);
    return compareAndPutPermanent(connection, { key, path: this.#keyspace.path(key), value }, previous, call);
  }

  async delete(key: string, call: CallContext): Promise<boolean> {
    const connection = await this.#link.ready(call);
    this.#catchUp(connection);
    return deleteKey(connection, key, this.#keyspace.path(key), call);
  }

  async atomicDelete(key: string, previous: string, call: CallContext): Promise<void> {
    const connection = await this.#link.ready(call);
    this.#catchUp(connection);
    await compareAndDelete(connection, key, this.#keyspace.path(key), previous, call);
  }

  async list(directory: string, request: ListRequest, call: CallContext): Promise<ListPage<StoredPair>> {
    const connection = await this.#link.ready(call);
    if (request.consistency !== 'stale') this.#catchUp(connection);
    return readPage(connection, this.#keyspace, directory, request, readPairItem(connection), call);
  }

  async keys(directory: string, request: ListRequest, call: CallContext): Promise<ListPage<string>> {
    const connection = await this.#link.ready(call);
    if (request.consistency !== 'stale') this.#catchUp(connection);
    return readPage(connection, this.#keyspace, directory, request, readKeyItem(connection), call);
  }

  async deleteTree(directory: string, call: CallContext): Promise<void> {
    const connection = await this.#link.ready(call);
    this.#catchUp(connection);
    await deleteBelow(connection, this.#keyspace, directory, call);
  }

  watch(target: WatchTarget, sink: WatchSink, signal: AbortSignal): DriverWatch {
    return new ZooKeeperWatch(this.#link, this.#keyspace, target, sink, signal);
  }

  openSession(ttl: number, call: CallContext): Promise<DriverSession> {
    return ZooKeeperSession.open(this.#open, { ...this.#options, timeout: ttl }, this.#link, call);
  }

  async close(): Promise<void> {
    this.#link.close();
  }

  /** In one pipeline with the read that follows, and not awaited: if it fails, so does the read. */
  #catchUp(connection: Connection): void {
    if (!this.#link.alone) connection.sync().catch(() => {});
  }

  async #putBound(
    connection: Connection,
    key: string,
    value: Uint8Array,
    previous: string | null | undefined,
    { ttl, session }: Lifetime,
    call: CallContext,
  ): Promise<StoredPair> {
    if (typeof previous === 'string') this.#catchUp(connection);
    const path = this.#keyspace.path(key);
    const write = { key, path, value, previous };
    if (session === undefined) {
      const kind = { ttl: ttl as number };
      return { ...(await putBound(connection, { ...write, creator: connection, kind }, call)), ...kind };
    }
    const owner = session as ZooKeeperSession;
    const creator = await owner.connection(call);
    // Before it is there: the answer may be lost.
    owner.bind(childPath(path, boxName));
    try {
      return await putBound(connection, { ...write, creator, kind: 'ephemeral' }, call);
    } catch (error) {
      throw owner.over && KvError.is(error, 'KV_UNAVAILABLE') && error.outcome === 'not-applied'
        ? sessionLost(error)
        : error;
    }
  }
}
