import { once } from 'node:events';
import { connect, createServer, type Server as Listener, type Socket } from 'node:net';
import { freePort, returnPort } from './ports.ts';
import { type Protocol, requestCounter } from './request-counter.ts';
import type { Address } from './server.ts';

export interface SlowLink {
  /** How much later each byte arrives, in each direction, in milliseconds. Default: 0. */
  readonly latency?: number;
  /** Cuts what is sent into segments of at most so many bytes, one a millisecond. Default: uncut. */
  readonly segmentBytes?: number;
}

/** Of what was forwarded. */
export interface Counts {
  readonly connections: number;
  /** From the client to the server. */
  readonly sentBytes: number;
  readonly receivedBytes: number;
  /** HTTP/1.1 requests, HTTP/2 streams (calls of gRPC), or ZooKeeper's requests without pings. 0 without a protocol. */
  readonly requests: number;
}

/**
 * Stands between one client and one server, and breaks what is between them. Give each client of a test its own, so
 * that a fault hits this client alone. At first it forwards everything at once; `heal` returns to that.
 */
export class FaultProxy implements Address {
  readonly host = '127.0.0.1';
  readonly port: number;
  readonly #target: Address;
  readonly #protocol: Protocol | undefined;
  readonly #link: Link = { held: false, latency: 0, segmentBytes: Infinity };
  readonly #connections = new Set<Connection>();
  readonly #counts = { connections: 0, sentBytes: 0, receivedBytes: 0, requests: 0 };
  #listener: Listener | undefined;

  private constructor(target: Address, protocol: Protocol | undefined, port: number) {
    this.#target = target;
    this.#protocol = protocol;
    this.port = port;
  }

  /** With a protocol it counts requests; not through TLS. */
  static async open(target: Address, protocol?: Protocol): Promise<FaultProxy> {
    const proxy = new FaultProxy(target, protocol, await freePort());
    await proxy.#listen();
    return proxy;
  }

  /** A copy, for comparisons. */
  get counts(): Counts {
    return { ...this.#counts };
  }

  /** Ends all connections; new ones are refused. */
  async cut(): Promise<void> {
    for (const connection of this.#connections) connection.destroy();
    const listener = this.#listener;
    this.#listener = undefined;
    if (listener) await once(listener.close(), 'close');
  }

  /** Ends all connections with a TCP reset; new ones work. */
  reset(): void {
    for (const connection of this.#connections) connection.reset();
  }

  /**
   * Half-open: connections are accepted and stay open, and nothing comes through in either direction, not even their
   * end. `heal` delivers what was held back, as TCP does after a partition.
   */
  hold(): void {
    this.#link.held = true;
  }

  /**
   * The connections of now become black holes for ever, also after `heal`, as when a router on the way forgets them:
   * neither side hears from the other again. New ones work.
   */
  blackHole(): void {
    for (const connection of this.#connections) connection.forget();
  }

  slow({ latency = 0, segmentBytes = Infinity }: SlowLink): void {
    this.#link.latency = latency;
    this.#link.segmentBytes = segmentBytes;
  }

  /** Ends `cut`, `hold` and `slow`. */
  async heal(): Promise<void> {
    this.slow({});
    this.#link.held = false;
    for (const connection of this.#connections) connection.resume();
    if (!this.#listener) await this.#listen();
  }

  async close(): Promise<void> {
    await this.cut();
    returnPort(this.port);
  }

  async #listen(): Promise<void> {
    const listener = createServer({ allowHalfOpen: true, noDelay: true }, (client) => this.#accept(client));
    await once(listener.listen(this.port, this.host), 'listening');
    this.#listener = listener;
  }

  #accept(client: Socket): void {
    const counts = this.#counts;
    counts.connections += 1;
    const countRequests = this.#protocol && requestCounter(this.#protocol, () => counts.requests++);
    const connection = new Connection(client, this.#target, this.#link, {
      sent(bytes) {
        counts.sentBytes += bytes.length;
        countRequests?.(bytes);
      },
      received(bytes) {
        counts.receivedBytes += bytes.length;
      },
      closed: () => this.#connections.delete(connection),
    });
    this.#connections.add(connection);
    connection.resume();
  }
}

/** The state of the link, shared by all connections of a proxy. */
interface Link {
  held: boolean;
  latency: number;
  segmentBytes: number;
}

interface Observer {
  sent(bytes: Buffer): void;
  received(bytes: Buffer): void;
  closed(): void;
}

class Connection {
  readonly #client: Socket;
  readonly #target: Address;
  readonly #link: Link;
  readonly #observer: Observer;
  #server: Socket | undefined;
  #flows: readonly Flow[] = [];

  constructor(client: Socket, target: Address, link: Link, observer: Observer) {
    this.#client = client;
    this.#target = target;
    this.#link = link;
    this.#observer = observer;
    this.#watch(client);
  }

  /** Goes on where nothing holds it back (any more). */
  resume(): void {
    if (this.#server === undefined && !this.#link.held) this.#connect();
    for (const flow of this.#flows) flow.forward();
  }

  forget(): void {
    for (const flow of this.#flows) flow.stop();
  }

  destroy(): void {
    this.forget();
    this.#client.destroy();
    this.#server?.destroy();
  }

  reset(): void {
    this.forget();
    this.#client.resetAndDestroy();
    this.#server?.resetAndDestroy();
  }

  #connect(): void {
    const server = connect({ ...this.#target, allowHalfOpen: true, noDelay: true });
    this.#server = server;
    this.#watch(server);
    this.#flows = [
      new Flow(this.#client, server, this.#link, this.#observer.sent),
      new Flow(server, this.#client, this.#link, this.#observer.received),
    ];
  }

  #watch(socket: Socket): void {
    socket.on('error', () => {}); // an end like any other, of which the flow tells the other side
    socket.once('close', () => {
      if (this.#client.closed && this.#server?.closed !== false) this.#observer.closed();
    });
  }
}

/** One direction of a connection. What arrives is queued at once, so that a latency delays a stream without thinning it. */
class Flow {
  readonly #from: Socket;
  readonly #to: Socket;
  readonly #link: Link;
  readonly #forwarded: (bytes: Buffer) => void;
  readonly #queue: { readonly due: number; readonly bytes: Buffer }[] = [];
  #ended = false;
  #stopped = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(from: Socket, to: Socket, link: Link, forwarded: (bytes: Buffer) => void) {
    this.#from = from;
    this.#to = to;
    this.#link = link;
    this.#forwarded = forwarded;
    from.on('data', (bytes) => {
      this.#queue.push({ due: performance.now() + link.latency, bytes });
      this.forward();
    });
    // After an error there is no `end`, only `close`.
    for (const event of ['end', 'close']) {
      from.once(event, () => {
        this.#ended = true;
        this.forward();
      });
    }
  }

  /** For good. */
  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  /** Forwards what is due, and comes back for the rest. */
  forward(): void {
    clearTimeout(this.#timer);
    while (!this.#stopped && !this.#link.held) {
      const next = this.#queue.shift();
      if (!next) {
        if (this.#ended) this.#end();
        return;
      }
      const { due, bytes } = next;
      const wait = due - performance.now();
      if (wait > 0) {
        this.#queue.unshift(next);
        this.#timer = setTimeout(() => this.forward(), wait);
        return;
      }
      const segment = bytes.subarray(0, this.#link.segmentBytes);
      this.#forwarded(segment);
      this.#to.write(segment);
      if (segment.length < bytes.length) {
        this.#queue.unshift({ due: performance.now() + 1, bytes: bytes.subarray(segment.length) });
      }
    }
  }

  #end(): void {
    this.stop();
    if (this.#from.errored) this.#to.resetAndDestroy();
    else this.#to.end();
  }
}
