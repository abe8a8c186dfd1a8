import { EventEmitter } from 'node:events';
import { KvError } from '@kv/core';
import Consul from 'consul';
import { buildConnector, Pool } from 'undici';
import type { ConsulClient, RequestContext, WatchClient } from './consul-client.ts';
import { canceled, isRefusedAsUnknown, toKvError, unavailable } from './errors.ts';
import type { Settings } from './options.ts';
import { useTransport } from './transport.ts';

/*
 * Consul's HTTP API takes one request at a time on a connection, and at most 200 connections from one address by default
 * (`limits.http_max_conns_per_client`). Blocking queries have connections of their own, so that they never keep others waiting.
 */
const mostConnections = 64;
const mostBlockingConnections = 128;

/** How long a connection may take to open, in milliseconds, where the caller's deadline does not end it before. */
const longestConnect = 10_000;
/** How long a connection is kept open without a request, in milliseconds. Consul does not close it. */
const keepAliveTimeout = 60_000;

/** How long a blocking query waits at the server, in milliseconds. */
const longestWait = 5_000;
/** Where so many share the connections that the wait would be shorter: else they would be nothing but load. */
const shortestWait = 500;
/** The server adds a sixteenth of the wait, and then answers. */
const silence = longestWait + 2_000;

/**
 * For so many milliseconds a token that was accepted before may be unknown to the server: one that has just started answers so
 * until it has read its log again (seen on 1.8.7, after a restart of all servers).
 */
const tokenGrace = 10_000;

interface Server {
  readonly client: ConsulClient;
  /** On the same connections; it gives up a server that is silent. */
  readonly watch: WatchClient;
  readonly blocking: WatchClient;
  readonly pools: readonly Pool[];
}

/** The servers of one cluster, of which one is used at a time. Every error that comes out of it is a `KvError`. */
export class Servers {
  readonly #servers: readonly Server[];
  readonly #underWay = new Set<RequestContext>();
  #current = 0;
  #closed = false;
  #accepted = false;
  #unknownSince: number | undefined;
  #blockingQueries = 0;

  constructor(settings: Settings, token: string | undefined) {
    this.#servers = settings.addresses.map((address) => makeServer(address, settings, token));
  }

  get size(): number {
    return this.#servers.length;
  }

  /** Sends one request, which ends when the signal aborts. */
  request<T>(signal: AbortSignal, send: (client: ConsulClient, ctx: RequestContext) => Promise<T>): Promise<T> {
    return this.#send(signal, ({ client }, ctx) => send(client, ctx));
  }

  /** As `request`, with the response's headers. It fails when the server has been silent for 7 seconds. */
  readState<T>(signal: AbortSignal, send: (client: WatchClient, ctx: RequestContext) => Promise<T>): Promise<T> {
    return this.#send(signal, ({ watch }, ctx) => {
      ctx.includeResponse = true;
      return send(watch, ctx);
    });
  }

  /**
   * As `readState`, for a request that the server keeps for `wait` milliseconds at most: where there are more of them than
   * connections, for so long that each has its turn every five seconds.
   */
  async block<T>(
    signal: AbortSignal,
    send: (client: WatchClient, ctx: RequestContext, wait: number) => Promise<T>,
  ): Promise<T> {
    this.#blockingQueries++;
    const share = Math.floor((longestWait * mostBlockingConnections) / this.#blockingQueries);
    const wait = Math.max(shortestWait, Math.min(longestWait, share));
    try {
      return await this.#send(signal, ({ blocking }, ctx) => {
        ctx.includeResponse = true;
        return send(blocking, ctx, wait);
      });
    } finally {
      this.#blockingQueries--;
    }
  }

  async #send<T>(signal: AbortSignal, send: (server: Server, ctx: RequestContext) => Promise<T>): Promise<T> {
    if (this.#closed || signal.aborted) throw canceled();
    const used = this.#current;
    const sentAt = performance.now();
    const ctx: RequestContext = new EventEmitter();
    const cancel = () => ctx.emit('cancel');
    signal.addEventListener('abort', cancel, { once: true });
    this.#underWay.add(ctx);
    try {
      const answer = await send(this.#servers[used] as Server, ctx);
      this.#accepted = true;
      // Not by the answer to a blocking query that was sent when the token was still known.
      if (this.#unknownSince !== undefined && sentAt > this.#unknownSince) this.#unknownSince = undefined;
      return answer;
    } catch (error) {
      const told = this.#forgetsToken(error)
        ? unavailable('the server does not know the ACL token at the moment, and knew it before', 'not-applied')
        : toKvError(error);
      if (told.code === 'KV_UNAVAILABLE' || isTimeout(signal.reason)) this.#leave(used);
      throw told;
    } finally {
      signal.removeEventListener('abort', cancel);
      this.#underWay.delete(ctx);
    }
  }

  #forgetsToken(error: unknown): boolean {
    if (!this.#accepted || !isRefusedAsUnknown(error)) return false;
    this.#unknownSince ??= performance.now();
    return performance.now() < this.#unknownSince + tokenGrace;
  }

  /** Goes on to the next server, unless another request that failed has done so. */
  #leave(used: number): void {
    if (this.#current === used) this.#current = (used + 1) % this.#servers.length;
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const ctx of this.#underWay) ctx.emit('cancel');
    await Promise.all(this.#servers.flatMap(({ pools }) => pools.map((pool) => pool.destroy())));
  }
}

/** Of core, or of `AbortSignal.timeout()`. */
function isTimeout(reason: unknown): boolean {
  return KvError.is(reason, 'KV_TIMEOUT') || (reason instanceof DOMException && reason.name === 'TimeoutError');
}

function makeServer(address: URL, settings: Settings, token: string | undefined): Server {
  const { datacenter, namespace, partition } = settings;
  const options = {
    baseUrl: `${address.origin}/v1`,
    defaults: datacenter === undefined ? {} : { dc: datacenter },
    headers: {
      ...(token !== undefined && { 'x-consul-token': token }),
      ...(namespace !== undefined && { 'x-consul-namespace': namespace }),
      ...(partition !== undefined && { 'x-consul-partition': partition }),
    },
  };
  const makeClient = (pool: Pool, silence?: number) => {
    const client = new Consul(options as ConstructorParameters<typeof Consul>[0]) as unknown as ConsulClient &
      WatchClient;
    useTransport(client, pool, silence);
    return client;
  };
  const pool = makePool(address, settings, mostConnections);
  const blockingPool = makePool(address, settings, mostBlockingConnections, silence);
  return {
    client: makeClient(pool),
    watch: makeClient(pool, silence),
    blocking: makeClient(blockingPool, silence),
    pools: [pool, blockingPool],
  };
}

function makePool({ origin }: URL, { tls }: Settings, connections: number, timeout = longestConnect): Pool {
  const { ca, cert, key, serverName } = tls ?? {};
  const connect = buildConnector({
    timeout,
    ...(ca !== undefined && { ca: pem(ca) }),
    ...(cert !== undefined && { cert: pem(cert) }),
    ...(key !== undefined && { key: pem(key) }),
    ...(serverName !== undefined && { servername: serverName }),
  });
  return new Pool(origin, {
    connections,
    keepAliveTimeout,
    connect: (target, callback) =>
      connect(target, (...outcome) => {
        const [, socket] = outcome;
        // Else undici would tell of the end of the connection, which follows a TLS alert, and not of the alert.
        socket?.once('error', (error) => socket.destroy(error));
        callback(...outcome);
      }),
  });
}

function pem(text: string | Uint8Array): string {
  return typeof text === 'string' ? text : new TextDecoder().decode(text);
}
