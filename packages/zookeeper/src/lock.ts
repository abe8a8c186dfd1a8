import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { type CallContext, type DriverHold, type DriverLock, KvError, type LockRequest } from '@kv/core';
import { anyVersion, type Connection, type Stat } from './connection.ts';
import { sessionLost } from './errors.ts';
import { childPath, type Keyspace } from './keyspace.ts';
import { decodeValue, encodeValue, permanentPair } from './layout.ts';
import { checkTime, type Link } from './link.ts';
import type { ZooKeeperSession } from './session.ts';
import { createBelow } from './write.ts';

/**
 * The lock of Apache Curator's `InterProcessMutex`: who wants it creates an ephemeral sequential node below the lock's, and holds it
 * once no other has a smaller number; each one waits for the one before its own to go. The name begins with an identity by which
 * the node is found again when the answer to its creation was lost: `_c_<identity>-lock-0000000007`.
 */
export class CuratorLock implements DriverLock {
  readonly #link: Link;
  readonly #keyspace: Keyspace;

  constructor(link: Link, keyspace: Keyspace) {
    this.#link = link;
    this.#keyspace = keyspace;
  }

  async acquire(
    request: LockRequest,
    { signal, timeout }: { readonly signal: AbortSignal; readonly timeout: number },
  ): Promise<DriverHold | undefined> {
    const session = request.session as ZooKeeperSession;
    const directory = this.#keyspace.path(request.key);
    const persist = <T>(send: Send<T>) => untilAnswered(session, send, signal, timeout);

    const identity = `_c_${randomUUID()}-${lockName}`;
    const name = await persist(async (connection, call, again) => {
      const earlier = again ? await find(connection, directory, identity) : undefined;
      return earlier ?? enter(connection, directory, identity, request.value, call);
    });
    for (;;) {
      const queue = await persist(async (connection) => queueOf(await connection.children(directory, false)));
      const place = queue.indexOf(name);
      if (place === -1) throw sessionLost();
      if (place === 0) break;
      if (!request.wait) return undefined;
      await gone(session, childPath(directory, queue[place - 1] as string), signal, persist);
    }
    const path = childPath(directory, name);
    const watch = new EntryWatch(session, path, timeout);
    const stat = await persist(() => watch.begin());
    const { revision } = permanentPair('', request.value, stat);
    return {
      token: BigInt(stat.czxid),
      condition: { key: `${request.key}/${name}`, revision },
      lost: watch.lost,
      release: async (call) => {
        watch.end();
        if (!session.over) await (await session.connection(call)).remove(path, anyVersion);
      },
    };
  }

  async holder(
    key: string,
    call: CallContext,
  ): Promise<{ readonly value: Uint8Array; readonly token: bigint } | undefined> {
    const connection = await this.#link.ready(call);
    const directory = this.#keyspace.path(key);
    if (!this.#link.alone) connection.sync().catch(() => {});
    for (;;) {
      const queue = queueOf(await connection.children(directory, false));
      if (queue.length === 0) return undefined;
      for (const name of queue) {
        const node = await connection.read(childPath(directory, name), false);
        if (node !== undefined) {
          return { value: decodeValue(node.data) ?? new Uint8Array(), token: BigInt(node.stat.czxid) };
        }
      }
      // They all have gone since. Others may have come before that.
      checkTime(call);
    }
  }
}

const lockName = 'lock-';
const entrySyntax = /lock-(\d+)$/;

/** The names of those that hold the lock, or wait for it, in their order. */
function queueOf(names: readonly string[] | undefined): string[] {
  return (names ?? [])
    .map((name) => ({ name, number: Number(entrySyntax.exec(name)?.[1]) }))
    .filter(({ number }) => !Number.isNaN(number))
    .sort((a, b) => a.number - b.number)
    .map(({ name }) => name);
}

/** The entry that an earlier attempt, whose answer did not arrive, has made: perhaps through another server, which was ahead. */
async function find(connection: Connection, directory: string, identity: string): Promise<string | undefined> {
  const [, names] = await Promise.all([connection.sync(), connection.children(directory, false)]);
  return names?.find((name) => name.startsWith(identity));
}

/** Joins the queue. */
async function enter(
  connection: Connection,
  directory: string,
  identity: string,
  value: Uint8Array,
  call: CallContext,
): Promise<string> {
  const path = childPath(directory, identity);
  const created = await createBelow(connection, connection, path, encodeValue(value), 'ephemeral-sequential', call);
  if (typeof created === 'string') throw new KvError('KV_INTERNAL', 'the number of the lock entry is taken');
  return created.path.slice(directory.length + 1);
}

/** Resolves when the node is gone. */
async function gone(
  session: ZooKeeperSession,
  path: string,
  signal: AbortSignal,
  persist: <T>(send: Send<T>) => Promise<T>,
): Promise<void> {
  const fired = Promise.withResolvers<void>();
  const onAbort = () => fired.reject(signal.reason);
  const stop = session.listen((event, changed) => {
    if (event === 'ended') fired.reject(sessionLost());
    else if (changed === path || event === 'watches-lost') fired.resolve();
  });
  fired.promise.catch(() => {});
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    if ((await persist((connection) => connection.stat(path, true))) !== undefined) await fired.promise;
  } finally {
    stop();
    signal.removeEventListener('abort', onAbort);
  }
}

/** Sees that the entry of a lock stays. */
class EntryWatch {
  readonly lost: Promise<void>;
  readonly #session: ZooKeeperSession;
  readonly #path: string;
  readonly #timeout: number;
  readonly #lost = Promise.withResolvers<void>();
  readonly #over = new AbortController();
  readonly #stop: () => void;

  constructor(session: ZooKeeperSession, path: string, timeout: number) {
    this.#session = session;
    this.#path = path;
    this.#timeout = timeout;
    this.lost = this.#lost.promise;
    this.#stop = session.listen((event, changed) => {
      if (changed === path || event === 'watches-lost') void this.#look();
      else if (event === 'ended') this.end();
    });
  }

  /** @throws `KV_SESSION_LOST` if it is not there. */
  async begin(): Promise<Stat> {
    const connection = await this.#session.connection({ deadline: performance.now() + this.#timeout });
    const stat = await connection.stat(this.#path, true);
    if (stat !== undefined) return stat;
    this.end();
    throw sessionLost();
  }

  end(): void {
    this.#over.abort();
    this.#stop();
  }

  async #look(): Promise<void> {
    const { signal } = this.#over;
    try {
      const stat = await untilAnswered(
        this.#session,
        (connection) => connection.stat(this.#path, true),
        signal,
        this.#timeout,
      );
      if (stat === undefined && !signal.aborted) this.#lost.resolve();
    } catch {
      // The session has ended, and core knows, or the lock was released.
    }
  }
}

const pauseAfterFailure = 100;

/** @param again Whether it may have been sent before. */
type Send<T> = (connection: Connection, call: CallContext, again: boolean) => Promise<T>;

/** Sends a request that may be repeated, until the server has answered, the session has ended, or the signal aborts. */
async function untilAnswered<T>(
  session: ZooKeeperSession,
  send: Send<T>,
  signal: AbortSignal,
  timeout: number,
): Promise<T> {
  for (let again = false; ; again = true) {
    signal.throwIfAborted();
    try {
      const call = { signal, deadline: performance.now() + timeout };
      return await send(await session.connection(call), call, again);
    } catch (error) {
      signal.throwIfAborted();
      if (!KvError.is(error)) throw error;
      if (session.over) throw sessionLost();
      if (error.code !== 'KV_UNAVAILABLE' && error.code !== 'KV_TIMEOUT') throw error;
    }
    await sleep(Math.random() * pauseAfterFailure, undefined, { signal });
  }
}
