/** The servers under test, as the tests see them. */

export type Kind = 'etcd' | 'consul' | 'zookeeper';

/** `external`: a server that KV_TEST_<KIND>_URL names, started by someone else. */
export type Mode = 'containers' | 'processes' | 'external';

export interface Address {
  readonly host: string;
  readonly port: number;
}

/** PEM texts. */
export interface ClientTls {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

/** What a client needs beside the address. Empty on a plain server. */
export interface Access {
  /** etcd and Consul: the server asks for a client certificate. */
  readonly tls?: ClientTls;
  /** etcd: a user with a role; ZooKeeper: the `digest` scheme. */
  readonly login?: { readonly user: string; readonly password: string };
  /** Consul: an ACL token. */
  readonly token?: string;
}

/** One server. Its address and its data outlive `kill` and `stop`. */
export interface Server extends Address {
  readonly name: string;
  /** SIGKILL. */
  kill(): Promise<void>;
  /** SIGTERM, then SIGKILL after 10 s. */
  stop(): Promise<void>;
  /**
   * Starts it again, and returns when it serves requests. A member of a cluster serves only beside a majority: after
   * the loss of all of them, start them at the same time.
   */
  start(): Promise<void>;
  /** Nothing runs in it any more, while its connections stay open and new ones are still accepted by the kernel. */
  freeze(): Promise<void>;
  thaw(): Promise<void>;
}

/** One server, or a cluster of three. */
export interface Deployment {
  readonly kind: Kind;
  readonly mode: Mode;
  /** As the server itself reports it. */
  readonly version: string;
  readonly servers: readonly Server[];
  /**
   * What can be done to the servers. A harness leaves out the faults that are `false` here; to call them anyway throws.
   * `restart` and `freeze`: not on external servers. `isolate`: only on clusters in containers.
   */
  readonly faults: { readonly restart: boolean; readonly freeze: boolean; readonly isolate: boolean };
  /** What a client under test uses. On a secured deployment it may touch only what is below `app`. */
  readonly client: Access;
  /** May do everything: for the truth from outside of the driver. */
  readonly admin: Access;
  /** Waits until exactly one of the servers that are not isolated leads. */
  leader(): Promise<Server>;
  /** Cuts one member off from its peers, both ways; its clients still reach it. */
  isolate(server: Server): Promise<void>;
  /** Ends `isolate`. */
  rejoin(server: Server): Promise<void>;
  /** Ends the servers, and removes their data. */
  remove(): Promise<void>;
}
