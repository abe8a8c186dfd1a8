import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import type { Capabilities } from '../capabilities.ts';
import { openStore, type StoreOptions } from '../open-store.ts';
import { sleep } from '../sleep.ts';
import type { Store } from '../store.ts';
import type { CapabilityName, CaseContext, ConformanceCase } from './case.ts';
import type { ClientFaults, Harness, HarnessClient, Heal, ServerFaults } from './harness.ts';
import { Observer } from './observer.ts';
import { seededRandom, seedOf } from './random.ts';

/**
 * - `passed`, `failed`;
 * - `unsupported`: the driver declares that its backend lacks what the case is about;
 * - `not-exercised`: the harness cannot bring about the fault that the case is about, or look past the driver.
 */
export type CaseStatus = 'passed' | 'failed' | 'unsupported' | 'not-exercised';

/** What became of a case. */
export interface CaseResult {
  readonly id: string;
  readonly status: CaseStatus;
  /** What was missing, where it did not run. */
  readonly missing?: string;
  readonly error?: unknown;
  /** How long it took, in milliseconds. */
  readonly milliseconds: number;
}

const has: Record<CapabilityName, (capabilities: Capabilities) => boolean> = {
  ttl: ({ ttl }) => ttl !== false,
  transaction: ({ transaction }) => transaction !== false,
  'every-change': ({ watch }) => watch === 'every-change',
  'fair-lock': ({ lock }) => lock.fair,
  'exact-compare-and-set': ({ compareAndSet }) => compareAndSet === 'exact',
  'atomic-trees': ({ atomicTrees }) => atomicTrees,
};

/** Runs one case in a namespace of its own, and leaves nothing behind. Never rejects. */
export async function runCase(harness: Harness, tested: ConformanceCase, seed: number): Promise<CaseResult> {
  const start = performance.now();
  const run = new CaseRun(harness, tested, seed);
  let result: Omit<CaseResult, 'id' | 'milliseconds'>;
  try {
    result = await run.run();
  } catch (error) {
    result = { status: 'failed', error };
  }
  return { id: tested.id, ...result, milliseconds: Math.round(performance.now() - start) };
}

class CaseRun {
  readonly #harness: Harness;
  readonly #case: ConformanceCase;
  readonly #namespace: string;
  readonly #abort = new AbortController();
  readonly #clients: HarnessClient[] = [];
  readonly #stores: Store[] = [];
  readonly #heals = new Set<Heal>();
  readonly #random: () => number;

  constructor(harness: Harness, tested: ConformanceCase, seed: number) {
    this.#harness = harness;
    this.#case = tested;
    this.#namespace = `conformance/${randomBytes(6).toString('hex')}`;
    this.#random = seededRandom(seedOf(seed, tested.id));
  }

  async run(): Promise<Omit<CaseResult, 'id' | 'milliseconds'>> {
    try {
      const first = await this.#connect({});
      const { capabilities } = first.store;
      const unsupported = this.#case.needs.find((name) => !has[name](capabilities));
      if (unsupported !== undefined) return { status: 'unsupported', missing: unsupported };
      const missing = this.#missing(first.client);
      if (missing !== undefined) return { status: 'not-exercised', missing };
      await this.#timed(this.#case.run(this.#context(capabilities)));
      return { status: 'passed' };
    } finally {
      await this.#cleanUp();
    }
  }

  #missing(client: HarnessClient): string | undefined {
    const { faults = {}, raw } = this.#harness;
    const offered = { ...faults, ...client.faults };
    return (
      this.#case.faults.find((name) => offered[name] === undefined) ?? (this.#case.raw && !raw ? 'raw' : undefined)
    );
  }

  #context(capabilities: Capabilities): CaseContext {
    return {
      capabilities,
      namespace: this.#namespace,
      faults: this.#healing((this.#harness.faults ?? {}) as Required<ServerFaults>),
      raw: this.#harness.raw as Required<Harness>['raw'],
      signal: this.#abort.signal,
      random: this.#random,
      open: async (options = {}) => (await this.#connect(options)).view,
      connect: async (options = {}) => {
        const { view, client } = await this.#connect(options);
        return { store: view, faults: this.#healing((client.faults ?? {}) as Required<ClientFaults>) };
      },
      driver: async () => (await this.#client()).driver,
      observe: (iterable) => new Observer(iterable, this.#abort.signal),
      eventually: (assertion, within = 10_000) => eventually(assertion, within, this.#abort.signal),
    };
  }

  async #client(): Promise<HarnessClient> {
    const client = await this.#harness.client();
    this.#clients.push(client);
    return client;
  }

  async #connect(options: StoreOptions): Promise<{ client: HarnessClient; store: Store; view: Store }> {
    const client = await this.#client();
    const store = await openStore(client.driver, options);
    this.#stores.push(store);
    return { client, store, view: store.namespace(this.#namespace) };
  }

  /** The same faults, those that are not healed by the case healed after it. */
  #healing<Faults extends object>(faults: Faults): Faults {
    return new Proxy(faults, {
      get: (target, name) => {
        const fault = Reflect.get(target, name);
        if (typeof fault !== 'function') return fault;
        return async (...args: unknown[]) => {
          const heal: unknown = await fault.apply(target, args);
          if (typeof heal !== 'function') return heal;
          const once = async () => {
            if (this.#heals.delete(once)) await heal();
          };
          this.#heals.add(once);
          return once;
        };
      },
    });
  }

  async #timed(work: Promise<void>): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const timeout = new Promise<never>((_, reject) => {
      timer = setTimeout(
        () => reject(new assert.AssertionError({ message: `not over within ${this.#case.timeout} ms` })),
        this.#case.timeout,
      );
    });
    try {
      await Promise.race([work, timeout]);
    } finally {
      clearTimeout(timer);
      work.catch(() => {});
    }
  }

  async #cleanUp(): Promise<void> {
    this.#abort.abort();
    for (const heal of [...this.#heals]) await heal();
    const last = this.#stores[0];
    // The namespace is random: what is left of it harms no other case, only the server's memory.
    await last
      ?.namespace(this.#namespace)
      .deleteTree('')
      .catch(() => {});
    await Promise.all(this.#stores.map((store) => store.close()));
    await Promise.all(this.#clients.map((client) => client.close?.()));
  }
}

async function eventually<T>(assertion: () => T | Promise<T>, within: number, signal: AbortSignal): Promise<T> {
  const deadline = performance.now() + within;
  for (let pause = 2; ; pause = Math.min(100, pause * 1.5)) {
    try {
      return await assertion();
    } catch (error) {
      if (performance.now() >= deadline) throw error;
    }
    await sleep(pause, signal);
  }
}
