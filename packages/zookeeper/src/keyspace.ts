import { prefixOf } from '@kv/core';

/**
 * Characters that ZooKeeper refuses in names, though core allows them in keys (PathUtils in ZooKeeper): private use, specials,
 * and everything beyond the Basic Multilingual Plane. They are written as `%{1f600}`, and so is a `%` before a `{`.
 */
const toEscape = /[\u{e000}-\u{f8ff}\u{fff0}-\u{ffff}\u{10000}-\u{10ffff}]|%(?=\{)/gu;
const escaped = /%\{([0-9a-f]+)\}/g;
/** A path without any of them, and without a name that the server keeps for itself. */
const plain = /^[\w\-.:=+,~@][\w\-.:=+,~@/]*$/;

/** The server's own node, at its root. */
const serversOwn = 'zookeeper';
const serversOwnEscaped = '%{7a}ookeeper';

/** The name of the child that holds what a node's own data cannot (layout.ts). No key is escaped to it. */
export const boxName = '%{}';

/** Translates between the keys of core and the paths of the server, which are below `root`. */
export class Keyspace {
  readonly #root: string;

  /** @param root Empty, or a path that begins with a slash and does not end with one. */
  constructor(root: string) {
    this.#root = root;
  }

  /** The path of a key or directory; of the empty directory, that of the root. */
  path(key: string): string {
    if (key === '') return this.#root === '' ? '/' : this.#root;
    if (plain.test(key) && !(this.#root === '' && key.startsWith(serversOwn))) return `${this.#root}/${key}`;
    const names = key.replace(toEscape, (character) => `%{${character.codePointAt(0)?.toString(16)}}`);
    if (this.#root !== '') return `${this.#root}/${names}`;
    const [first, ...rest] = names.split('/') as [string, ...string[]];
    return `/${[first === serversOwn ? serversOwnEscaped : first, ...rest].join('/')}`;
  }

  /** The key of a child. `undefined`: the child has no key, it is the server's, this driver's, or of a form that no key gets. */
  childKey(directory: string, name: string): string | undefined {
    if (name === boxName) return undefined;
    const key = `${prefixOf(directory)}${name.replace(escaped, characterOf)}`;
    return this.path(key) === childPath(this.path(directory), name) ? key : undefined;
  }
}

export function childPath(parent: string, name: string): string {
  return parent === '/' ? `/${name}` : `${parent}/${name}`;
}

export function parentPath(path: string): string {
  return path.slice(0, Math.max(1, path.lastIndexOf('/')));
}

function characterOf(sequence: string, hexadecimal: string): string {
  const point = Number.parseInt(hexadecimal, 16);
  return point <= 0x10ffff ? String.fromCodePoint(point) : sequence;
}
