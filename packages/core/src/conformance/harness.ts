import type { DriverFactory } from '../driver.ts';

/**
 * What a backend's tests give to the suite: a running server, clients of it, and the means to hurt both. Anything that is
 * optional and missing leaves cases *not exercised*, and the report says so.
 */
export interface Harness {
  /** A client that shares nothing with the others, as if in another process. Called several times by most cases. */
  client(): HarnessClient | Promise<HarnessClient>;
  /** The server's truth, past the driver. Keys are those of the driver: canonical, with the namespace. */
  readonly raw?: RawAccess;
  readonly faults?: ServerFaults;
  /** What the server says that it is, for the report: `{ etcd: '3.5.30' }`. */
  readonly versions?: Readonly<Record<string, string>>;
  /** Ends the server. Called once, after everything else. */
  close(): Promise<void>;
}

/** One client, and the faults between it and the server. */
export interface HarnessClient {
  readonly driver: DriverFactory;
  readonly faults?: ClientFaults;
  /** After the suite has closed the store that it opened with `driver`. */
  close?(): Promise<void>;
}

/** Access to the server past the driver. */
export interface RawAccess {
  /** @returns The value, or `undefined` if the key is absent. */
  get(key: string): Promise<Uint8Array | undefined>;
  /** Creates or replaces a permanent key. */
  put(key: string, value: Uint8Array): Promise<void>;
  /** Removes a key that exists. */
  delete(key: string): Promise<void>;
}

/** Ends a fault. */
export type Heal = () => Promise<void>;

/** Faults that hit every client. Each resolves when the fault is in effect. */
export interface ServerFaults {
  /** Kills the server without a warning (`kill -9`) and starts it again on the same data and address. */
  restart?(): Promise<void>;
  /** Freezes it (SIGSTOP): connections stay open, and nothing is answered, to reads as to writes. */
  pause?(): Promise<Heal>;
  /** Takes away the server that leads, with two others up; resolves when another one leads. */
  failover?(): Promise<Heal>;
  /** Ends a session at the server by force, as an operator would. */
  expireSession?(id: string): Promise<void>;
  /** Discards the history that a watch could resume from: compaction, log purge. */
  compact?(): Promise<void>;
}

/** Faults between one client and the server; other clients do not notice. */
export interface ClientFaults {
  /**
   * Cuts the client off. `refuse`: connections are broken and new ones refused. `silent`: connections stay open, new ones
   * are accepted, and nothing passes.
   */
  partition?(mode: 'refuse' | 'silent'): Promise<Heal>;
  /** Breaks the connections there are, once. */
  reset?(): Promise<void>;
  /** Delays what passes, in each direction, by so many milliseconds. */
  latency?(ms: number): Promise<Heal>;
}

/** The name of a fault that a case may need. */
export type FaultName = keyof ServerFaults | keyof ClientFaults;
