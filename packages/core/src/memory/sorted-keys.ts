import { compareKeys } from '../key.ts';

/** The keys of a store, in the order of keys. */
export class SortedKeys {
  readonly #keys: string[] = [];

  add(key: string): void {
    const at = this.#firstFrom(key);
    if (this.#keys[at] !== key) this.#keys.splice(at, 0, key);
  }

  delete(key: string): void {
    const at = this.#firstFrom(key);
    if (this.#keys[at] === key) this.#keys.splice(at, 1);
  }

  /** Those that start with `prefix` and come after `after`. */
  *startingWith(prefix: string, after = ''): Generator<string, void, undefined> {
    let at = this.#firstFrom(compareKeys(after, prefix) > 0 ? after : prefix);
    if (this.#keys[at] === after) at++;
    for (let key = this.#keys[at]; key?.startsWith(prefix); key = this.#keys[++at]) yield key;
  }

  /** The place of the first key that does not come before `key`. */
  #firstFrom(key: string): number {
    let low = 0;
    let high = this.#keys.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compareKeys(this.#keys[middle] as string, key) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
