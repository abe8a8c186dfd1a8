import { type CallContext, type DriverSession, KvError } from '@kv/core';
import type { Connection, ConnectionOptions, WatchEvent } from './connection.ts';
import { sessionLost } from './errors.ts';
import { Gate, type Link, type OpenConnection } from './link.ts';

type Listener = (event: WatchEvent | 'ended' | 'watches-lost', path: string) => void;

/** A session of ZooKeeper, with a connection of its own: its time-out is the time to live. */
export class ZooKeeperSession implements DriverSession {
  readonly #link: Link;
  readonly #connection: Connection;
  readonly #gate = new Gate();
  readonly #listeners = new Set<Listener>();
  /** Where nodes may be that go with it. */
  readonly #paths = new Set<string>();
  #over = false;
  #refusal: KvError | undefined;
  #id = '';
  #ttl = 0;

  /** Resolves once a server has granted it. */
  static async open(
    openConnection: OpenConnection,
    options: ConnectionOptions,
    link: Link,
    call: CallContext,
  ): Promise<ZooKeeperSession> {
    const session = new ZooKeeperSession(openConnection, options, link);
    try {
      await session.connection(call);
    } catch (error) {
      session.#connection.close();
      throw error;
    }
    session.#id = session.#connection.sessionId;
    session.#ttl = session.#connection.timeout;
    if (session.#ttl >= options.timeout) return session;
    session.#connection.close();
    throw new KvError('KV_INVALID_ARGUMENT', `the server grants sessions of at most ${session.#ttl} ms`, {
      outcome: 'not-applied',
    });
  }

  private constructor(openConnection: OpenConnection, options: ConnectionOptions, link: Link) {
    this.#link = link;
    this.#connection = openConnection(options, {
      connected: () => this.#gate.open(),
      disconnected: () => {},
      ended: (refusal) => {
        this.#over = true;
        this.#refusal = refusal;
        this.#gate.open();
        this.#tell('ended', '');
      },
      watchesLost: () => this.#tell('watches-lost', ''),
      event: (event, path) => this.#tell(event, path),
    });
  }

  get id(): string {
    return this.#id;
  }

  get ttl(): number {
    return this.#ttl;
  }

  get over(): boolean {
    return this.#over;
  }

  /** The connection, once it has a server. @throws {KvError} `KV_SESSION_LOST`, `KV_PERMISSION_DENIED`, `KV_UNAVAILABLE`. */
  async connection(call: Pick<CallContext, 'deadline'>): Promise<Connection> {
    while (!this.#over && !this.#connection.connected) await this.#gate.wait(call);
    if (this.#over) throw this.#refusal ?? sessionLost();
    return this.#connection;
  }

  /** Says that a node at this path goes with the session. */
  bind(path: string): void {
    this.#paths.add(path);
  }

  unbind(path: string): void {
    this.#paths.delete(path);
  }

  listen(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** `sync` reaches the server that leads: what has confirmed it knows that the session lives. */
  async renew(call: CallContext): Promise<void> {
    const connection = await this.connection(call);
    try {
      await connection.sync();
    } catch (error) {
      throw this.#over ? sessionLost() : error;
    }
  }

  async close(call: CallContext): Promise<void> {
    if (this.#over) return;
    this.#over = true;
    this.#connection.close();
    this.#gate.open();
    await this.#untilGone(call);
  }

  /** The client only sends that the session ends. All its nodes go in one step: one of them tells. */
  async #untilGone(call: CallContext): Promise<void> {
    if (this.#paths.size === 0) return;
    const gone = new Gone(this.#link);
    try {
      for (const path of this.#paths) {
        const connection = await this.#link.ready(call);
        let lasted = false;
        for (;;) {
          await connection.sync();
          // Such a watch tells too that the node goes, and none is left where it has gone.
          const [, stat] = await Promise.all([connection.children(path, true), connection.stat(path, false)]);
          if (stat?.ephemeralOwner !== this.#id) break;
          lasted = true;
          await gone.next(path, call);
        }
        if (lasted) return;
      }
    } finally {
      gone.close();
    }
  }

  #tell(event: WatchEvent | 'ended' | 'watches-lost', path: string): void {
    for (const listener of [...this.#listeners]) listener(event, path);
  }
}

/** Waits for something to happen to a node. */
class Gone {
  readonly #link: Link;
  #wake: ((event?: unknown, path?: string) => void) | undefined;
  readonly #follower = {
    onEvent: (event: WatchEvent, path: string) => this.#wake?.(event, path),
    onDisconnected: () => {},
    onConnected: () => this.#wake?.(),
    onWatchesLost: () => this.#wake?.(),
  };

  constructor(link: Link) {
    this.#link = link;
    link.follow(this.#follower);
  }

  next(watched: string, { deadline }: CallContext): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new KvError('KV_TIMEOUT', 'the server has not ended the session in time', { outcome: 'unknown' })),
        Math.max(1, deadline - performance.now()),
      );
      this.#wake = (_event, path) => {
        if (path !== undefined && path !== watched) return;
        clearTimeout(timer);
        resolve();
      };
    });
  }

  close(): void {
    this.#wake = undefined;
    this.#link.unfollow(this.#follower);
  }
}
