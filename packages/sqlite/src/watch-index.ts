import type { WatchTarget } from '@kv/core';

/** Finds the watches that a change of a key concerns, without asking each. */
export class WatchIndex<Watch extends { readonly target: WatchTarget }> {
  readonly #byKey = new Map<string, Set<Watch>>();
  readonly #byDirectory = new Map<string, Set<Watch>>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  add(watch: Watch): void {
    const [index, name] = this.#place(watch);
    const watches = index.get(name);
    if (watches === undefined) index.set(name, new Set([watch]));
    else watches.add(watch);
    this.#size++;
  }

  delete(watch: Watch): void {
    const [index, name] = this.#place(watch);
    const watches = index.get(name);
    if (!watches?.delete(watch)) return;
    if (watches.size === 0) index.delete(name);
    this.#size--;
  }

  /** The watches of the key, and those of each directory above it. */
  *of(key: string): Generator<Watch, void, undefined> {
    yield* this.#byKey.get(key) ?? [];
    if (this.#byDirectory.size === 0) return;
    yield* this.#byDirectory.get('') ?? [];
    for (let slash = key.indexOf('/'); slash !== -1; slash = key.indexOf('/', slash + 1)) {
      yield* this.#byDirectory.get(key.slice(0, slash)) ?? [];
    }
  }

  *[Symbol.iterator](): Generator<Watch, void, undefined> {
    for (const index of [this.#byKey, this.#byDirectory]) for (const watches of index.values()) yield* watches;
  }

  #place({ target }: Watch): [index: Map<string, Set<Watch>>, name: string] {
    return 'key' in target ? [this.#byKey, target.key] : [this.#byDirectory, target.directory];
  }
}
