import type { StoredPair } from '../driver.ts';
import type { KVPair } from '../pair.ts';
import { type WatcherLife, WatchIterator } from './watcher.ts';

/** One difference between two states of a tree. */
export type Change<Value = Uint8Array> =
  | {
      readonly type: 'put';
      readonly key: string;
      readonly pair: KVPair<Value>;
      /** Absent if the key was created. */
      readonly previous?: KVPair<Value>;
    }
  | { readonly type: 'delete'; readonly key: string; readonly previous: KVPair<Value> };

/** One step of `watchTree`. */
export interface TreeState<Value = Uint8Array> {
  /** The tree by key, in no particular order. A live view: the next step changes it. */
  readonly pairs: ReadonlyMap<string, KVPair<Value>>;
  /** What has changed since the last step, in order. In the first step: a `put` of each pair there is. */
  readonly changes: readonly Change<Value>[];
}

/** Steps through the states of a directory. */
export class TreeWatcher<Value> extends WatchIterator<TreeState<Value>> {
  readonly #pairs = new Map<string, KVPair<Value>>();
  readonly #present: (pair: StoredPair) => KVPair<Value>;
  readonly #keyOf: (storedKey: string) => string;

  constructor(present: (pair: StoredPair) => KVPair<Value>, keyOf: (storedKey: string) => string, life: WatcherLife) {
    super(life);
    this.#present = present;
    this.#keyOf = keyOf;
  }

  protected firstStep(state: ReadonlyMap<string, StoredPair>): TreeState<Value> {
    const changes: Change<Value>[] = [];
    for (const pair of state.values()) this.#apply(pair.key, pair, changes);
    return { pairs: this.#pairs, changes };
  }

  protected nextStep(): { readonly step: TreeState<Value> } | undefined {
    const changes: Change<Value>[] = [];
    for (const { key, pair } of this.pending.takeAll()) this.#apply(key, pair, changes);
    return changes.length === 0 ? undefined : { step: { pairs: this.#pairs, changes } };
  }

  #apply(storedKey: string, stored: StoredPair | undefined, changes: Change<Value>[]): void {
    const key = this.#keyOf(storedKey);
    const previous = this.#pairs.get(key);
    if (stored === undefined) {
      if (previous === undefined) return;
      this.#pairs.delete(key);
      changes.push({ type: 'delete', key, previous });
    } else if (stored.revision !== previous?.revision) {
      const pair = this.#present(stored);
      this.#pairs.set(key, pair);
      changes.push({ type: 'put', key, pair, ...(previous === undefined ? {} : { previous }) });
    }
  }
}
