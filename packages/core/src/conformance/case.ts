import type { Capabilities } from '../capabilities.ts';
import type { DriverFactory } from '../driver.ts';
import type { StoreOptions } from '../open-store.ts';
import type { Store } from '../store.ts';
import type { ClientFaults, FaultName, RawAccess, ServerFaults } from './harness.ts';
import type { Observer } from './observer.ts';

/** What a case can ask of the backend. Where it is missing, the case is reported as unsupported. */
export type CapabilityName =
  | 'ttl'
  | 'transaction'
  | 'every-change'
  | 'fair-lock'
  | 'exact-compare-and-set'
  | 'atomic-trees';

/** One promise of the contract, and the code that finds out whether a driver keeps it. */
export interface ConformanceCase {
  /** `group/what-holds`. Stable: reports and known limits refer to it. */
  readonly id: string;
  readonly needs: readonly CapabilityName[];
  readonly faults: readonly FaultName[];
  /** Whether the harness must give access past the driver. */
  readonly raw: boolean;
  /** Runs alone: it hurts a server that other cases use, or measures the process. */
  readonly exclusive: boolean;
  /** Milliseconds after which it has failed. */
  readonly timeout: number;
  /** Rejects if the promise is not kept. */
  run(context: CaseContext): Promise<void>;
}

/** A store with the client it was opened on. */
export interface CaseClient {
  readonly store: Store;
  readonly faults: Required<ClientFaults>;
}

/** What a case works with. Everything that it opens is closed after it. */
export interface CaseContext {
  readonly capabilities: Capabilities;
  /** The directory that this case has for itself; `open` and `connect` give stores below it. */
  readonly namespace: string;
  /** Those that the case has named in `faults`. */
  readonly faults: Required<ServerFaults>;
  readonly raw: RawAccess;
  /** Aborts when the case has timed out. */
  readonly signal: AbortSignal;
  /** A store of its own on a new client. */
  open(options?: StoreOptions): Promise<Store>;
  /** As `open`, with the faults of the new client. */
  connect(options?: StoreOptions): Promise<CaseClient>;
  /** A new client's driver that nothing has connected yet, for cases about `openStore` itself; keys are not below `namespace`. */
  driver(): Promise<DriverFactory>;
  /** Collects what an iterable yields, without back-pressure, until the case ends. */
  observe<Step>(iterable: AsyncIterable<Step>): Observer<Step>;
  /** Polls until `assertion` does not throw, and rejects with its last error after `within` milliseconds (default 10,000). */
  eventually<T>(assertion: () => T | Promise<T>, within?: number): Promise<T>;
  /** Uniform in [0, 1), the same sequence for the same seed and case. */
  random(): number;
}

/** What a case needs, where it is not the usual. */
export type CaseOptions = Partial<Omit<ConformanceCase, 'id' | 'run'>>;

const defaultTimeout = 30_000;

/** Makes a case, which ends within 30 seconds unless `timeout` says otherwise. */
export function conformanceCase(
  id: string,
  run: (context: CaseContext) => Promise<void>,
  { needs = [], faults = [], raw = false, timeout = defaultTimeout, exclusive }: CaseOptions = {},
): ConformanceCase {
  const hurtsAll = faults.some((fault) => serverWide.has(fault));
  return { id, needs, faults, raw, timeout, exclusive: exclusive ?? hurtsAll, run };
}

const serverWide = new Set<FaultName>(['restart', 'pause', 'failover', 'compact']);
