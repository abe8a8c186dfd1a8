import {
  type CallContext,
  type DriverWatch,
  KvError,
  type StoredPair,
  type WatchSink,
  type WatchTarget,
} from '@kv/core';
import type { Connection, WatchEvent } from './connection.ts';
import { boxName, childPath, type Keyspace, parentPath } from './keyspace.ts';
import { type Link, type LinkFollower, noServer } from './link.ts';
import { readPair } from './read.ts';
import { inWindow } from './window.ts';

/** How long the server may take until there is a snapshot, where core does not give up before, in milliseconds. */
const snapshotTimeout = 60_000;

/**
 * Follows a key, or all keys below a directory, by ZooKeeper's watches, which fire once: each time, what they were for is read
 * again, and watched again with that. The client renews them on each server that it moves to, as long as its session lives.
 */
export class ZooKeeperWatch implements DriverWatch, LinkFollower {
  readonly ended: Promise<void>;
  readonly #link: Link;
  readonly #keyspace: Keyspace;
  readonly #target: WatchTarget;
  readonly #sink: WatchSink;
  readonly #signal: AbortSignal;
  readonly #path: string;
  readonly #over = Promise.withResolvers<void>();
  readonly #onAbort = () => this.#end();
  /** The nodes below the directory, by path. */
  readonly #nodes = new Map<string, WatchedNode>();
  readonly #root: WatchedNode;
  /** What is being read, or about to be, by what it is: the last of each. */
  readonly #runs = new Map<string, Run>();
  /** Until all has been read once. */
  #collected: Map<string, StoredPair> | undefined = new Map();
  #interrupted = false;
  #isOver = false;

  constructor(link: Link, keyspace: Keyspace, target: WatchTarget, sink: WatchSink, signal: AbortSignal) {
    this.#link = link;
    this.#keyspace = keyspace;
    this.#target = target;
    this.#sink = sink;
    this.#signal = signal;
    const key = 'key' in target ? target.key : target.directory;
    this.#path = keyspace.path(key);
    this.#root = { key, children: new Set(), hasBox: undefined };
    this.ended = this.#over.promise;
    signal.addEventListener('abort', this.#onAbort, { once: true });
    link.follow(this);
    void this.#begin();
  }

  onEvent(event: WatchEvent, path: string): void {
    if ('key' in this.#target) {
      if (path === this.#path || path === childPath(this.#path, boxName)) void this.#refreshKey(this.#target.key, path);
      return;
    }
    if (path === this.#path) {
      if (event !== 'changed') void this.#refreshNames(path);
      return;
    }
    const nodePath = path.endsWith(`/${boxName}`) ? parentPath(path) : path;
    const node = this.#nodes.get(nodePath);
    if (node === undefined) return;
    if (event === 'child' || event === 'deleted') void this.#refreshNames(nodePath);
    if (event !== 'child') void this.#refreshKey(node.key, nodePath);
  }

  onDisconnected(): void {
    this.#interrupted = true;
    if (this.#collected === undefined) this.#sink.interrupted(noServer());
  }

  onConnected(): void {
    if (this.#collected !== undefined) return;
    const deadline = performance.now() + snapshotTimeout;
    this.catchUp({ deadline }).catch(() => {});
  }

  onWatchesLost(refusal?: KvError): void {
    const lost = { retryable: true };
    this.#end(refusal ?? new KvError('KV_UNAVAILABLE', 'the connection that held the watches is gone', lost));
  }

  /** All events of what was committed before come before the answer to `sync`; then what they have started is awaited. */
  async catchUp(call: Pick<CallContext, 'deadline'>): Promise<void> {
    const connection = await this.#link.ready(call);
    await connection.sync();
    await this.#settled();
    if (!this.#interrupted || this.#isOver) return;
    this.#interrupted = false;
    this.#sink.changes([]);
  }

  async #begin(): Promise<void> {
    try {
      const connection = await this.#link.ready({ deadline: performance.now() + snapshotTimeout });
      if (!this.#link.alone) connection.sync().catch(() => {});
      if ('key' in this.#target) await this.#refreshKey(this.#target.key, this.#path);
      else await this.#refreshNames(this.#path);
      await this.#settled();
      if (this.#isOver) return;
      const pairs = [...(this.#collected as Map<string, StoredPair>).values()];
      this.#collected = undefined;
      this.#interrupted = false;
      this.#sink.snapshot(pairs);
    } catch (error) {
      this.#end(error);
    }
  }

  /** Everything that was about to be read when it was called has been read and told. */
  async #settled(): Promise<void> {
    await Promise.all([...this.#runs.values()].map(({ done }) => done));
  }

  #refreshKey(key: string, path: string): Promise<void> {
    return this.#refresh(`key ${key}`, async (connection) => {
      const isTarget = 'key' in this.#target;
      const at = isTarget ? this.#path : path;
      const pair = await readPair(connection, key, at, isTarget ? 'creation' : 'changes');
      // A node that was absent in between has been told as such.
      if (isTarget || this.#nodes.has(at)) this.#tell(key, pair);
    });
  }

  #refreshNames(path: string): Promise<void> {
    return this.#refresh(`names ${path}`, async (connection) => {
      // The one that is there now: it may have gone, and come again, since this was asked for.
      const node = path === this.#path ? this.#root : this.#nodes.get(path);
      if (node !== undefined) await this.#readNames(connection, node, path);
    });
  }

  async #readNames(connection: Connection, node: WatchedNode, path: string): Promise<void> {
    let names = await connection.children(path, true);
    // When a node below the root of the watch comes, its parent tells.
    while (names === undefined && node === this.#root && (await connection.stat(path, true)) !== undefined) {
      names = await connection.children(path, true);
    }
    if (this.#isOver || (node !== this.#root && this.#nodes.get(path) !== node)) return;
    // No watch is left on what is absent. When it is there again, the names that its parent has tell, and it is read as a new one.
    if (names === undefined && node !== this.#root) {
      const above = parentPath(path);
      return this.#forget(above === this.#path ? this.#root : this.#nodes.get(above), path);
    }
    const listed = new Set(names?.map((name) => childPath(path, name)));
    for (const child of node.children) if (!listed.has(child)) this.#forget(node, child);
    const fresh: { readonly child: WatchedNode; readonly path: string }[] = [];
    for (const name of names ?? []) {
      const at = childPath(path, name);
      const key = node.children.has(at) ? undefined : this.#keyspace.childKey(node.key, name);
      if (key === undefined) continue;
      const child: WatchedNode = { key, children: new Set(), hasBox: undefined };
      node.children.add(at);
      this.#nodes.set(at, child);
      fresh.push({ child, path: at });
    }
    const hasBox = names?.includes(boxName) ?? false;
    // Also a box that is there as it was before may be another one, which the key was not read with.
    const mayHaveChanged = node.hasBox !== undefined && (node.hasBox || hasBox);
    node.hasBox = hasBox;
    const rereading = mayHaveChanged && node !== this.#root ? this.#refreshKey(node.key, path) : undefined;
    await inWindow(fresh, async ({ child, path }) => {
      // The names first: a box that comes after that is told by the watch of the names.
      await Promise.all([this.#readNames(connection, child, path), this.#refreshKey(child.key, path)]);
    });
    await rereading;
  }

  #forget(parent: WatchedNode | undefined, path: string): void {
    const node = this.#nodes.get(path);
    parent?.children.delete(path);
    this.#nodes.delete(path);
    if (node === undefined) return;
    for (const child of node.children) this.#forget(node, child);
    this.#tell(node.key, undefined);
  }

  #tell(key: string, pair: StoredPair | undefined): void {
    if (this.#isOver) return;
    if (this.#collected === undefined) this.#sink.changes([pair === undefined ? { key } : { key, pair }]);
    else if (pair === undefined) this.#collected.delete(key);
    else this.#collected.set(key, pair);
  }

  /** Reads something again, after what reads it now has finished. Resolves when that has been done; never rejects. */
  #refresh(what: string, read: (connection: Connection) => Promise<void>): Promise<void> {
    const last = this.#runs.get(what);
    if (last !== undefined && !last.started) return last.done;
    const run: Run = { started: false, done: Promise.resolve() };
    run.done = (async () => {
      await last?.done;
      run.started = true;
      await this.#untilRead(read);
      if (this.#runs.get(what) === run) this.#runs.delete(what);
    })();
    this.#runs.set(what, run);
    return run.done;
  }

  async #untilRead(read: (connection: Connection) => Promise<void>): Promise<void> {
    while (!this.#isOver) {
      try {
        return await read(await this.#link.ready({ deadline: performance.now() + snapshotTimeout }));
      } catch (error) {
        if (!KvError.is(error) || !error.retryable) this.#end(error);
      }
    }
  }

  #end(error?: unknown): void {
    this.#isOver = true;
    this.#signal.removeEventListener('abort', this.#onAbort);
    this.#link.unfollow(this);
    this.#nodes.clear();
    if (error === undefined || this.#signal.aborted) this.#over.resolve();
    else this.#over.reject(error);
  }
}

interface WatchedNode {
  readonly key: string;
  /** Paths. */
  readonly children: Set<string>;
  /** `undefined`: its children have not been read yet. */
  hasBox: boolean | undefined;
}

interface Run {
  started: boolean;
  done: Promise<void>;
}
