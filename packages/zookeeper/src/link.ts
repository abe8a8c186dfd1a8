import { type CallContext, KvError } from '@kv/core';
import type { Connection, ConnectionListener, ConnectionOptions, WatchEvent } from './connection.ts';

export type OpenConnection = (options: ConnectionOptions, listener: ConnectionListener) => Connection;

/** What follows the connection of a store. */
export interface LinkFollower {
  onEvent(event: WatchEvent, path: string): void;
  onDisconnected(): void;
  onConnected(connection: Connection): void;
  /** Nothing is watched any more. @param refusal Why no server will have it watched again. */
  onWatchesLost(refusal?: KvError): void;
}

/** Lets calls wait for a server. */
export class Gate {
  readonly #waiting = new Set<(refusal?: KvError) => void>();

  /** Lets those pass that wait now; with `refusal`, turns them away. */
  open(refusal?: KvError): void {
    for (const pass of this.#waiting) pass(refusal);
  }

  /**
   * Resolves when the gate opens. Gives up before the deadline, after a share of the time that is left, so that the caller is told
   * that there is no server, and not only that time is over.
   */
  wait({ deadline }: Pick<CallContext, 'deadline'>, share = 1 / 3): Promise<void> {
    return new Promise((resolve, reject) => {
      const finish = () => {
        clearTimeout(timer);
        this.#waiting.delete(pass);
      };
      const pass = (refusal?: KvError) => {
        finish();
        if (refusal === undefined) resolve();
        else reject(refusal);
      };
      const timer = setTimeout(
        () => {
          finish();
          reject(noServer());
        },
        Math.max(1, (deadline - performance.now()) * share),
      );
      this.#waiting.add(pass);
    });
  }
}

/** Until a server that has refused the credentials is asked once more, in milliseconds. Calls wait for its answer. */
const pauseAfterRefusal = 500;

/** The connection of a store, for everything but its sessions. It is replaced when its own session has ended. */
export class Link {
  readonly #open: OpenConnection;
  readonly #options: ConnectionOptions;
  readonly #gate = new Gate();
  readonly #followers = new Set<LinkFollower>();
  #connection: Connection;
  #retry: NodeJS.Timeout | undefined;
  #closed = false;
  #alone = false;

  constructor(open: OpenConnection, options: ConnectionOptions) {
    this.#open = open;
    this.#options = options;
    this.#connection = this.#connect();
  }

  /**
   * Whether the server is the only one, as far as is known: what it answers is the truth then. Of several servers, the one at
   * hand may be behind the others.
   */
  get alone(): boolean {
    return this.#alone;
  }

  /** The connection, if it has a server. */
  get connected(): Connection | undefined {
    return this.#connection.connected ? this.#connection : undefined;
  }

  /** @throws {KvError} `KV_UNAVAILABLE`, `KV_PERMISSION_DENIED`. */
  async ready(call: Pick<CallContext, 'deadline'>, share?: number): Promise<Connection> {
    while (!this.#connection.connected) await this.#gate.wait(call, share);
    return this.#connection;
  }

  /** Asks the server that is connected whether it is alone. */
  async lookAround(): Promise<void> {
    const connection = this.#connection;
    const configuration = await connection.configuration();
    if (connection === this.#connection && connection.connected) this.#alone = configuration === '';
  }

  follow(follower: LinkFollower): void {
    this.#followers.add(follower);
  }

  unfollow(follower: LinkFollower): void {
    this.#followers.delete(follower);
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#retry);
    this.#connection.close();
  }

  #connect(): Connection {
    const connection: Connection = this.#open(this.#options, {
      connected: () => {
        this.#gate.open();
        this.lookAround().catch(() => {});
        for (const follower of this.#followers) follower.onConnected(connection);
      },
      disconnected: () => {
        this.#alone = false;
        for (const follower of this.#followers) follower.onDisconnected();
      },
      ended: (refusal) => {
        this.#alone = false;
        if (this.#closed) return;
        if (refusal === undefined) {
          this.#connection = this.#connect();
        } else {
          this.#gate.open(refusal);
          this.#retry = setTimeout(() => {
            this.#connection = this.#connect();
          }, pauseAfterRefusal);
        }
        for (const follower of [...this.#followers]) follower.onWatchesLost(refusal);
      },
      watchesLost: () => {
        for (const follower of [...this.#followers]) follower.onWatchesLost();
      },
      event: (event, path) => {
        for (const follower of this.#followers) follower.onEvent(event, path);
      },
    });
    return connection;
  }
}

export function noServer(): KvError {
  return new KvError('KV_UNAVAILABLE', 'no server answers', { retryable: true, outcome: 'not-applied' });
}

/** For work in several steps: nobody waits for it any more. */
export function checkTime({ deadline }: Pick<CallContext, 'deadline'>): void {
  if (performance.now() >= deadline) throw new KvError('KV_TIMEOUT', 'no answer in time', { outcome: 'unknown' });
}
