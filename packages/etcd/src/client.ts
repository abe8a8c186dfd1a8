import { Buffer } from 'node:buffer';
import { KvError } from '@kv/core';
import {
  Endpoint,
  type EndpointOptions,
  type Metadata,
  type Method,
  type Request,
  type RequestContext,
  type Response,
} from './endpoint.ts';
import { isServerFault, isStaleToken, kvError, status, statusOf } from './errors.ts';

interface Login {
  readonly user: string;
  readonly password: string;
}

export interface ClientOptions extends EndpointOptions {
  readonly addresses: readonly string[];
  readonly login: Login | undefined;
}

interface Headers {
  /** A server without a leader refuses at once, and ends its streams, in place of a silence. */
  readonly requireLeader: Metadata;
  /** For reads that any server may answer. */
  readonly anyServer: Metadata;
}

/** A server that is connected, and what to send with a request to it. */
export interface Route {
  readonly endpoint: Endpoint;
  readonly headers: Headers;
}

/** How long a server may take to accept a connection and to answer a read, in milliseconds. */
const connectTimeout = 3_000;

/** All servers of a cluster, of which it uses one until that fails. */
export class Client {
  readonly #options: ClientOptions;
  readonly #endpoints: Endpoint[];
  readonly #closing = new AbortController();
  #current: Endpoint | undefined;
  /** Where to send reads that any server may answer while there is no current one. */
  #fallback: Endpoint;
  #choosing: Promise<Endpoint> | undefined;
  #headers: Headers | undefined;
  #loggingIn: Promise<Headers> | undefined;

  static async create(options: ClientOptions): Promise<Client> {
    const endpoints = await Promise.all(options.addresses.map((address) => Endpoint.create(address, options)));
    return new Client(options, endpoints);
  }

  private constructor(options: ClientOptions, endpoints: Endpoint[]) {
    this.#options = options;
    this.#endpoints = endpoints;
    this.#fallback = endpoints[0] as Endpoint;
    if (options.login === undefined) this.#headers = this.#headersWith(undefined);
  }

  /** Sends a request once; again only after the server has refused the token of an old login. */
  async send<M extends Method>(
    method: M,
    request: Request<M>,
    context: RequestContext,
    audience: keyof Headers = 'requireLeader',
  ): Promise<Response<M>> {
    for (let refusals = 0; ; refusals++) {
      const endpoint =
        this.#current ?? (audience === 'anyServer' ? this.#fallback : await (this.#choosing ?? this.#choose()));
      const headers = this.#headers ?? (await this.#logIn(endpoint));
      try {
        return await endpoint.send(method, request, headers[audience], context);
      } catch (error) {
        if (isStaleToken(error) && this.#options.login !== undefined && refusals === 0) {
          this.forget(headers);
          continue;
        }
        if (isServerFault(error) || performance.now() >= context.deadline) this.leave(endpoint);
        throw kvError(error);
      }
    }
  }

  /** For a stream. @throws {KvError} `KV_UNAVAILABLE` if no server answers. */
  async route(): Promise<Route> {
    const endpoint = this.#current ?? (await (this.#choosing ?? this.#choose()));
    return { endpoint, headers: this.#headers ?? (await this.#logIn(endpoint)) };
  }

  /** Says that a server has failed: the next request looks for one that answers. */
  leave(endpoint: Endpoint): void {
    if (this.#current === endpoint) this.#current = undefined;
    if (this.#fallback !== endpoint) return;
    const next = (this.#endpoints.indexOf(endpoint) + 1) % this.#endpoints.length;
    this.#fallback = this.#endpoints[next] as Endpoint;
  }

  /** Learns from the end of a stream on this route. */
  streamFailed({ endpoint, headers }: Route, error: unknown): void {
    if (isStaleToken(error)) this.forget(headers);
    if (isServerFault(error)) this.leave(endpoint);
  }

  /** Says that the server has refused the token in these headers: the next request logs in again. */
  forget(headers: Headers): void {
    if (this.#options.login !== undefined && this.#headers === headers) this.#headers = undefined;
  }

  close(): void {
    this.#closing.abort();
    for (const endpoint of this.#endpoints) endpoint.close();
  }

  #choose(): Promise<Endpoint> {
    this.#choosing = this.#race().finally(() => {
      this.#choosing = undefined;
    });
    return this.#choosing;
  }

  /** Asks all servers, and takes the first that answers a linearizable read: one that is up, and has a majority behind it. */
  async #race(): Promise<Endpoint> {
    try {
      const endpoint = await Promise.any(this.#endpoints.map((endpoint) => this.#probe(endpoint)));
      this.#current = endpoint;
      this.#fallback = endpoint;
      return endpoint;
    } catch (error) {
      const failures = (error as AggregateError).errors;
      const reasons = failures.map((failure, i) => `${this.#endpoints[i]?.address}: ${kvError(failure).message}`);
      throw new KvError('KV_UNAVAILABLE', `no server answers (${reasons.join('; ')})`, {
        retryable: true,
        outcome: 'not-applied',
        cause: failures[0],
      });
    }
  }

  async #probe(endpoint: Endpoint): Promise<Endpoint> {
    const metadata = (this.#headers ?? this.#headersWith(undefined)).requireLeader;
    const context = { deadline: performance.now() + connectTimeout, signal: this.#closing.signal };
    try {
      await endpoint.send('range', { key: anyKey, count_only: true }, metadata, context);
    } catch (error) {
      if (statusOf(error).code === status.deadlineExceeded) await this.#replace(endpoint);
      // A server that refuses the credentials has answered.
      if (kvError(error).code !== 'KV_PERMISSION_DENIED' && !isStaleToken(error)) throw error;
    }
    return endpoint;
  }

  /**
   * Connects anew. A connection of @grpc/grpc-js may hang for ever: its attempt to connect has no time limit, and does not
   * notice that the server has closed the connection between the TLS handshake and the first frame of HTTP/2.
   */
  async #replace(endpoint: Endpoint): Promise<void> {
    const replacement = await Endpoint.create(endpoint.address, this.#options);
    if (this.#closing.signal.aborted) return replacement.close();
    this.#endpoints[this.#endpoints.indexOf(endpoint)] = replacement;
    if (this.#fallback === endpoint) this.#fallback = replacement;
    if (this.#current === endpoint) this.#current = undefined;
    endpoint.close();
  }

  #logIn(endpoint: Endpoint): Promise<Headers> {
    this.#loggingIn ??= this.#authenticate(endpoint).finally(() => {
      this.#loggingIn = undefined;
    });
    return this.#loggingIn;
  }

  async #authenticate(endpoint: Endpoint): Promise<Headers> {
    const { user: name, password } = this.#options.login as Login;
    const context = { deadline: performance.now() + connectTimeout, signal: this.#closing.signal };
    const { requireLeader } = this.#headersWith(undefined);
    try {
      const { token } = await endpoint.send('authenticate', { name, password }, requireLeader, context);
      this.#headers = this.#headersWith(token);
    } catch (error) {
      if (!statusOf(error).details.includes('authentication is not enabled')) {
        if (isServerFault(error)) this.leave(endpoint);
        const { code, message, retryable } = kvError(error);
        throw new KvError(code, `login: ${message}`, { retryable, outcome: 'not-applied', cause: error });
      }
      this.#headers = this.#headersWith(undefined);
    }
    return this.#headers;
  }

  #headersWith(token: string | undefined): Headers {
    const anyServer = (this.#endpoints[0] as Endpoint).emptyMetadata.clone();
    if (token !== undefined) anyServer.set('token', token);
    const requireLeader = anyServer.clone();
    requireLeader.set('hasleader', 'true');
    return { requireLeader, anyServer };
  }
}

const anyKey = Buffer.from('\0');
