import type { StoredChange } from '../driver.ts';

/** How many changes a consumer may be behind and still see each one. */
const longest = 128;

/** The changes that a consumer has not seen yet: each of them, or the last of each key where it is too slow for that. */
export class PendingChanges {
  #all: StoredChange[] = [];
  #latest: Map<string, StoredChange> | undefined;

  push(change: StoredChange): void {
    if (this.#latest === undefined) {
      this.#all.push(change);
      if (this.#all.length <= longest) return;
      this.#latest = new Map();
      for (const earlier of this.#all) this.#merge(this.#latest, earlier);
      this.#all = [];
    } else {
      this.#merge(this.#latest, change);
    }
  }

  takeOne(): StoredChange | undefined {
    this.#unmerge();
    return this.#all.shift();
  }

  takeAll(): readonly StoredChange[] {
    this.#unmerge();
    const taken = this.#all;
    this.#all = [];
    return taken;
  }

  clear(): void {
    this.#all = [];
    this.#latest = undefined;
  }

  #merge(latest: Map<string, StoredChange>, change: StoredChange): void {
    latest.delete(change.key);
    latest.set(change.key, change);
  }

  #unmerge(): void {
    if (this.#latest === undefined) return;
    this.#all = [...this.#latest.values()];
    this.#latest = undefined;
  }
}
