import type { StoredChange, StoredPair } from '../driver.ts';
import type { KvError } from '../error.ts';
import { PendingChanges } from './pending-changes.ts';

interface Request<Step> {
  resolve(result: IteratorResult<Step, undefined>): void;
  reject(error: unknown): void;
}

/** What a shared watch needs to know of its watchers. */
export interface Watcher {
  begin(state: ReadonlyMap<string, StoredPair>): void;
  /** Takes a change; `flush` follows when the whole report has been taken. */
  push(change: StoredChange): void;
  flush(): void;
  fail(error: KvError): void;
  /** Ends the iteration. */
  return(): unknown;
}

export interface WatcherLife {
  /** Joins the shared watch; called with the first `next`. */
  join(watcher: Watcher): void;
  leave(watcher: Watcher): void;
  /** Any of them ends the iteration. */
  readonly signals: readonly (AbortSignal | undefined)[];
}

/** The iterator behind a `for await` over a watch. What a step is, the two kinds of watch say. */
export abstract class WatchIterator<Step> implements Watcher, AsyncIterator<Step, undefined> {
  protected readonly pending = new PendingChanges();
  readonly #life: WatcherLife;
  readonly #requests: Request<Step>[] = [];
  readonly #onAbort = () => this.#end();
  #first: { readonly step: Step } | undefined;
  #joined = false;
  #ended = false;
  #error: KvError | undefined;

  constructor(life: WatcherLife) {
    this.#life = life;
  }

  protected abstract firstStep(state: ReadonlyMap<string, StoredPair>): Step;
  /** The next step out of what is pending, if that makes one. */
  protected abstract nextStep(): { readonly step: Step } | undefined;

  next(): Promise<IteratorResult<Step, undefined>> {
    return new Promise((resolve, reject) => {
      this.#requests.push({ resolve, reject });
      if (!this.#joined) this.#join();
      this.flush();
    });
  }

  async return(): Promise<IteratorResult<Step, undefined>> {
    this.#end();
    return { done: true, value: undefined };
  }

  begin(state: ReadonlyMap<string, StoredPair>): void {
    this.#first = { step: this.firstStep(state) };
    this.flush();
  }

  push(change: StoredChange): void {
    this.pending.push(change);
  }

  flush(): void {
    while (this.#requests.length > 0) {
      const taken = this.#ended ? undefined : (this.#first ?? this.nextStep());
      if (taken === undefined && !this.#ended && this.#error === undefined) return;
      const request = this.#requests.shift();
      this.#first = undefined;
      if (taken !== undefined) request?.resolve({ done: false, value: taken.step });
      else if (this.#error !== undefined) {
        request?.reject(this.#error);
        this.#error = undefined;
        this.#end();
      } else request?.resolve({ done: true, value: undefined });
    }
  }

  fail(error: KvError): void {
    this.#error = error;
    this.flush();
  }

  #join(): void {
    this.#joined = true;
    for (const signal of this.#life.signals) {
      if (signal?.aborted) return this.#end();
      signal?.addEventListener('abort', this.#onAbort, { once: true });
    }
    this.#life.join(this);
  }

  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    for (const signal of this.#life.signals) signal?.removeEventListener('abort', this.#onAbort);
    if (this.#joined) this.#life.leave(this);
    this.#joined = true;
    this.pending.clear();
    this.flush();
  }
}
