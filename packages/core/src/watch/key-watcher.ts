import type { StoredPair } from '../driver.ts';
import { type WatcherLife, WatchIterator } from './watcher.ts';

/** Steps through the states of one key. */
export class KeyWatcher<State> extends WatchIterator<State | undefined> {
  readonly #key: string;
  readonly #present: (pair: StoredPair) => State;
  #seen: string | undefined;

  constructor(key: string, present: (pair: StoredPair) => State, life: WatcherLife) {
    super(life);
    this.#key = key;
    this.#present = present;
  }

  protected firstStep(state: ReadonlyMap<string, StoredPair>): State | undefined {
    return this.#see(state.get(this.#key));
  }

  protected nextStep(): { readonly step: State | undefined } | undefined {
    for (;;) {
      const change = this.pending.takeOne();
      if (change === undefined) return undefined;
      // Merged changes may lead back to what was seen: created and deleted in between.
      if (change.pair?.revision !== this.#seen) return { step: this.#see(change.pair) };
    }
  }

  #see(pair: StoredPair | undefined): State | undefined {
    this.#seen = pair?.revision;
    return pair === undefined ? undefined : this.#present(pair);
  }
}
