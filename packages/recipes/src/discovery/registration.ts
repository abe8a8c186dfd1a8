import type { PersistentKey } from '../persistent-key.ts';
import type { Instance, StoredInstance } from './instance.ts';

/** An instance that is registered for as long as this process lives, or until it is deregistered. */
export class Registration<Metadata> implements AsyncDisposable {
  readonly #key: PersistentKey<StoredInstance<Metadata>>;
  readonly #check: (instance: StoredInstance<Metadata>) => void;
  readonly #over = new AbortController();
  #instance: Instance<Metadata>;
  #isListed = true;

  /** @internal Use `discovery.register()`. */
  constructor(
    key: PersistentKey<StoredInstance<Metadata>>,
    instance: Instance<Metadata>,
    check: (instance: StoredInstance<Metadata>) => void,
  ) {
    this.#key = key;
    this.#instance = instance;
    this.#check = check;
  }

  /** As it was registered, with the updates since. */
  get instance(): Instance<Metadata> {
    return this.#instance;
  }

  /** Why it may not be listed at the moment, while it is being registered again; `undefined` where nothing is known to be wrong. */
  get failure(): unknown {
    return this.#key.failure;
  }

  /**
   * Tells others something new. Resolves once it is written, through outages; while the instance is not healthy, at once.
   *
   * @throws {KvError} As `store.put`, but for outages: the instance then stays as it was.
   */
  async update(change: Partial<StoredInstance<Metadata>>): Promise<void> {
    const before = this.#instance;
    const now = { ...before, ...change, id: before.id };
    // What is not listed now is written later, when nobody waits for an answer.
    this.#check(storedInstance(now));
    this.#instance = now;
    try {
      if (this.#isListed) await this.#key.set(storedInstance(now));
    } catch (error) {
      if (this.#instance === now) this.#instance = before;
      throw error;
    }
  }

  /**
   * Takes it out of the registry. Idempotent.
   *
   * @throws {KvError} `KV_UNAVAILABLE` or `KV_TIMEOUT` if the server could not be told. It is then gone once its `ttl` has
   * passed.
   */
  deregister(): Promise<void> {
    this.#over.abort();
    return this.#key.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.deregister();
  }

  /** @internal Aborts when it is deregistered. */
  get over(): AbortSignal {
    return this.#over.signal;
  }

  /** @internal */
  list(healthy: boolean): void {
    if (healthy === this.#isListed) return;
    this.#isListed = healthy;
    // Tried until it works.
    this.#key.set(healthy ? storedInstance(this.#instance) : undefined).catch(() => {});
  }
}

export function storedInstance<Metadata>({ address, port, metadata }: Instance<Metadata>): StoredInstance<Metadata> {
  return { address, port, metadata };
}
