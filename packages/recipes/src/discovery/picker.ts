import { setImmediate as nextTurn } from 'node:timers/promises';
import { KvError, type Store } from '@kv/core';
import { sleep } from '../persist.ts';
import { Chooser, type Strategy } from './choose.ts';
import type { Instance, StoredInstance } from './instance.ts';
import { ServiceView } from './service-state.ts';

type Reader<Metadata> = Store<StoredInstance<Metadata> | undefined, never>;

/** The registry is asked at least this often, in milliseconds. */
const longestInterval = 60_000;

/** Picks an instance for each request, out of those that the registry has now. Keeps the process alive until it is closed. */
export class Picker<Metadata> implements Disposable {
  readonly #store: Reader<Metadata>;
  readonly #directory: string;
  readonly #bound: number;
  readonly #chooser: Chooser<Metadata>;
  readonly #view: ServiceView<Metadata>;
  readonly #closing = new AbortController();
  /** When the registry was surely as `#view` has it, on the clock of `performance.now()`. */
  #currentAt = Number.NEGATIVE_INFINITY;
  #error: unknown;

  /** @internal Use `discovery.picker()`. */
  static async open<Metadata>(
    store: Reader<Metadata>,
    directory: string,
    bound: number,
    strategy: Strategy,
    signal: AbortSignal | undefined,
  ): Promise<Picker<Metadata>> {
    const picker = new Picker(store, directory, bound, strategy);
    const giveUp = () => picker.close();
    signal?.addEventListener('abort', giveUp, { once: true });
    try {
      signal?.throwIfAborted();
      await picker.#start();
      signal?.throwIfAborted();
      return picker;
    } catch (error) {
      picker.close();
      throw signal?.aborted ? signal.reason : error;
    } finally {
      signal?.removeEventListener('abort', giveUp);
    }
  }

  private constructor(store: Reader<Metadata>, directory: string, bound: number, strategy: Strategy) {
    this.#store = store;
    this.#directory = directory;
    this.#bound = bound;
    this.#chooser = new Chooser(strategy);
    this.#view = new ServiceView(directory);
  }

  /**
   * @param affinity With `sticky`: who asks, a user or a shard for instance. Default: all the same.
   * @returns `undefined` where the service has no instance.
   * @throws {KvError} `KV_UNAVAILABLE` if the registry has not been heard of for longer than the bound: an instance that left
   * meanwhile could be picked. `KV_CLOSED`, and what ended the watch.
   */
  pick(affinity = ''): Instance<Metadata> | undefined {
    if (this.#error !== undefined) throw this.#error;
    const age = performance.now() - this.#currentAt;
    if (age > this.#bound) {
      throw new KvError('KV_UNAVAILABLE', `the registry has not been heard of for ${Math.round(age)} ms`, {
        retryable: true,
      });
    }
    return this.#chooser.choose(this.#view.instances, affinity);
  }

  /** Ends it: it picks nothing any more. Idempotent. */
  close(): void {
    this.#error ??= new KvError('KV_CLOSED', 'the picker was closed');
    this.#closing.abort();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  async #start(): Promise<void> {
    const fail = (error: unknown) => {
      this.#error ??= error;
      this.close();
    };
    this.#follow().catch(fail);
    await this.#confirm();
    if (this.#error !== undefined) throw this.#error;
    this.#keepCurrent().catch(fail);
  }

  async #follow(): Promise<void> {
    const { signal } = this.#closing;
    for await (const step of this.#store.watchTree(this.#directory, { signal })) this.#view.apply(step);
    if (!signal.aborted) throw new KvError('KV_CLOSED', 'the store was closed');
  }

  async #keepCurrent(): Promise<void> {
    const { signal } = this.#closing;
    while (!signal.aborted) {
      const due = this.#currentAt + Math.min(this.#bound / 3, longestInterval);
      await sleep(Math.max(0, due - performance.now()), signal).catch(() => {});
      await this.#confirm();
    }
  }

  /**
   * Asks the registry. A watcher that joins gets the state at its start, and the server has to be asked for it; by then the
   * shared watch has told the others everything up to it.
   */
  async #confirm(): Promise<void> {
    const sentAt = performance.now();
    const steps = this.#store.watchTree(this.#directory, { signal: this.#closing.signal })[Symbol.asyncIterator]();
    const { done } = await steps.next();
    await steps.return?.();
    // What the other watcher was told before is applied in this turn.
    await nextTurn();
    if (!done) this.#currentAt = sentAt;
  }
}
