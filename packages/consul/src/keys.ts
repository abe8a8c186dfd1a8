import { prefixOf } from '@kv/core';

// Core's keys have no empty, `.` or `..` segment and no control character. Other programs may have written such keys, and
// Consul's own web interface makes `folder/` entries: they cannot be named through core, and are left out.
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for.
const foreign = /(?:^|\/)\.{0,2}(?:\/|$)|[\u0000-\u001f\u007f-\u009f]/;

/** The names of keys at the server: below `root`. */
export class Keys {
  readonly #prefix: string;

  constructor(root: string) {
    this.#prefix = prefixOf(root);
  }

  toServer(key: string): string {
    return this.#prefix + key;
  }

  /** What all names below a directory start with. */
  prefixOf(directory: string): string {
    return this.#prefix + prefixOf(directory);
  }

  /** `name` must be below `root`. */
  fromServer(name: string): string {
    return name.slice(this.#prefix.length);
  }

  /** Whether core can name it. */
  isOurs(name: string): boolean {
    return !foreign.test(name.slice(this.#prefix.length));
  }
}
