import type { Buffer } from 'node:buffer';
import {
  type AuthClient,
  Etcd3,
  type ICallable,
  type IDuplexStream,
  type ILeaseKeepAliveRequest,
  type ILeaseKeepAliveResponse,
  type IWatchRequest,
  type IWatchResponse,
  type KVClient,
  type LeaseClient,
} from 'etcd3';
import { limitHandshakes } from './tls-handshake.ts';

type Connection = Parameters<Parameters<ICallable<unknown>['withConnection']>[1]>[0];

/** The headers of a request. */
export type Metadata = Connection['metadata'];

type Unary = Pick<KVClient, 'range' | 'put' | 'deleteRange' | 'txn'> &
  Pick<LeaseClient, 'leaseGrant' | 'leaseRevoke'> &
  Pick<AuthClient, 'authenticate'>;

/** The calls of etcd that are one request and one response. */
export type Method = keyof Unary;
export type Request<M extends Method> = Parameters<Unary[M]>[0];
export type Response<M extends Method> = Awaited<ReturnType<Unary[M]>>;

const serviceOf = {
  range: 'KV',
  put: 'KV',
  deleteRange: 'KV',
  txn: 'KV',
  leaseGrant: 'Lease',
  leaseRevoke: 'Lease',
  authenticate: 'Auth',
} as const;

/** How long a request may take. */
export interface RequestContext {
  /** Cancels the request. */
  readonly signal?: AbortSignal;
  /** On the clock of `performance.now()`. */
  readonly deadline: number;
}

export type WatchDuplex = IDuplexStream<IWatchRequest, IWatchResponse>;
export type KeepAliveDuplex = IDuplexStream<ILeaseKeepAliveRequest, ILeaseKeepAliveResponse>;

/** A service of etcd, as gRPC has generated it. */
type Service = Connection['client'] &
  Record<
    string,
    (
      request: unknown,
      metadata: Metadata,
      options: { readonly deadline: number },
      answer: (error: Error | null, response: unknown) => void,
    ) => { cancel(): void }
  >;

type ServiceName = 'KV' | 'Lease' | 'Auth' | 'Watch';

export interface EndpointOptions {
  /** Absent for plain text. */
  readonly tls?: { readonly ca?: Buffer; readonly cert?: Buffer; readonly key?: Buffer } | undefined;
}

const channelOptions = {
  'grpc.max_receive_message_length': -1,
  // A server that does not answer pings is noticed within 9 seconds. etcd allows one ping in 5 seconds, and only beside a
  // request or a stream.
  'grpc.keepalive_time_ms': 6_000,
  'grpc.keepalive_timeout_ms': 3_000,
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 1_000,
  // How much the server may send before it hears that it has arrived. With the default, 64 KiB, a list of 1,000 small pairs over a
  // link of 10 ms takes three times as long.
  'grpc-node.flow_control_window': 4 * 1024 * 1024,
  // No question to the name server for a configuration that etcd's clients do not publish.
  'grpc.service_config_disable_resolution': 1,
  'grpc.enable_channelz': 0,
};

/** How much longer than its caller a request waits for its deadline, so that the caller tells of it in its own words. */
const deadlineMargin = 200;

/**
 * gRPC shares a connection between channels to one address with the same options. With this one among them, the services of
 * an endpoint share a connection, and no two endpoints do: a connection that hangs can be replaced.
 */
let created = 0;

/**
 * One server. Takes the services and messages from etcd3, and sends the requests itself: etcd3 cannot cancel a request,
 * hides the status of a failed one, sends writes again whose outcome is unknown, and after three failures refuses all
 * requests for five seconds.
 */
export class Endpoint {
  readonly address: string;
  readonly emptyMetadata: Metadata;
  readonly close: () => void;
  readonly #services: Readonly<Record<ServiceName, Service>>;

  /** Makes no connection yet: the first request does. */
  static async create(address: string, { tls }: EndpointOptions): Promise<Endpoint> {
    const etcd = new SingleHost({
      hosts: address,
      grpcOptions: { ...channelOptions, 'kv.connection': created++ },
      ...(tls && {
        credentials: {
          // Null, which the type does not know: the authorities that Node.js trusts.
          rootCertificate: tls.ca ?? (null as never),
          ...(tls.cert && { certChain: tls.cert }),
          ...(tls.key && { privateKey: tls.key }),
        },
      }),
    });
    const endHandshakes = tls && (await etcd.limitHandshakes());
    const names: ServiceName[] = ['KV', 'Lease', 'Auth', 'Watch'];
    const connections = await Promise.all(names.map((name) => etcd.connection(name)));
    const services = Object.fromEntries(names.map((name, i) => [name, connections[i]?.client]));
    const close = () => {
      etcd.close();
      endHandshakes?.();
    };
    const { metadata } = connections[0] as Connection;
    return new Endpoint(address, services as Record<ServiceName, Service>, metadata, close);
  }

  private constructor(
    address: string,
    services: Readonly<Record<ServiceName, Service>>,
    emptyMetadata: Metadata,
    close: () => void,
  ) {
    this.address = address;
    this.emptyMetadata = emptyMetadata;
    this.close = close;
    this.#services = services;
  }

  /** Rejects with the status that gRPC tells. */
  send<M extends Method>(
    method: M,
    request: Request<M>,
    metadata: Metadata,
    { signal, deadline }: RequestContext,
  ): Promise<Response<M>> {
    return new Promise((resolve, reject) => {
      const service = this.#services[serviceOf[method]];
      const call = service[method]?.(request, metadata, optionsFor(deadline), (error, response) => {
        signal?.removeEventListener('abort', cancel);
        if (error === null) resolve(response as Response<M>);
        else reject(error);
      });
      const cancel = () => call?.cancel();
      signal?.addEventListener('abort', cancel, { once: true });
      if (signal?.aborted) cancel();
    });
  }

  watch(metadata: Metadata): WatchDuplex {
    return this.#stream<WatchDuplex>('Watch', 'watch', metadata, {});
  }

  keepAlive(metadata: Metadata, deadline: number): KeepAliveDuplex {
    return this.#stream<KeepAliveDuplex>('Lease', 'leaseKeepAlive', metadata, optionsFor(deadline));
  }

  #stream<Stream>(service: ServiceName, method: string, metadata: Metadata, options: object): Stream {
    const client = this.#services[service] as unknown as Record<
      string,
      (metadata: Metadata, options: object) => Stream
    >;
    return client[method]?.(metadata, options) as Stream;
  }
}

/** gRPC goes by the clock of the day. */
function optionsFor(deadline: number): { readonly deadline: number } {
  return { deadline: Date.now() + (deadline - performance.now()) + deadlineMargin };
}

class SingleHost extends Etcd3 {
  limitHandshakes(): Promise<() => void> {
    return this.pool.withConnection('KV', ({ resource }) => limitHandshakes(resource['channelCredentials']));
  }

  connection(service: ServiceName): Promise<Connection> {
    return this.pool.withConnection(service, (connection) => connection);
  }
}
