import type { KVPair, TreeState } from '@kv/core';
import type { Instance, StoredInstance } from './instance.ts';

/** The instances of a service as they are, and what has changed since the last step. */
export interface ServiceState<Metadata> {
  /** By id. A live view: the next step changes it. */
  readonly instances: ReadonlyMap<string, Instance<Metadata>>;
  /** In the first step: all there are. */
  readonly added: readonly Instance<Metadata>[];
  readonly removed: readonly Instance<Metadata>[];
  readonly changed: readonly { readonly instance: Instance<Metadata>; readonly previous: Instance<Metadata> }[];
  /** Keys that are there, and hold no instance. They are left out of the rest. */
  readonly unreadable: readonly string[];
}

/** Makes steps of a service out of those of its directory. */
export class ServiceView<Metadata> {
  readonly #directory: string;
  #isFirst = true;
  readonly #instances = new Map<string, Instance<Metadata>>();
  readonly #unreadable = new Set<string>();

  constructor(directory: string) {
    this.#directory = directory;
  }

  get instances(): ReadonlyMap<string, Instance<Metadata>> {
    return this.#instances;
  }

  /** @returns `undefined` where nothing has changed that concerns the service. */
  apply({
    changes,
  }: Pick<TreeState<StoredInstance<Metadata> | undefined>, 'changes'>): ServiceState<Metadata> | undefined {
    const unreadable = [...this.#unreadable].join('/');
    const before = new Map<string, Instance<Metadata> | undefined>();
    for (const change of changes) {
      const id = idOf(change.key, this.#directory);
      if (id === undefined) continue;
      if (!before.has(id)) before.set(id, this.#instances.get(id));
      this.#set(id, change.type === 'put' ? change.pair : undefined);
    }
    const added: Instance<Metadata>[] = [];
    const removed: Instance<Metadata>[] = [];
    const changed: { instance: Instance<Metadata>; previous: Instance<Metadata> }[] = [];
    for (const [id, previous] of before) {
      const instance = this.#instances.get(id);
      if (instance !== undefined && previous === undefined) added.push(instance);
      if (instance === undefined && previous !== undefined) removed.push(previous);
      // An instance that was registered again after a lost session is the same.
      if (instance !== undefined && previous !== undefined && JSON.stringify(instance) !== JSON.stringify(previous)) {
        changed.push({ instance, previous });
      }
    }
    const state = { instances: this.#instances, added, removed, changed, unreadable: [...this.#unreadable] };
    const count = added.length + removed.length + changed.length;
    if (count === 0 && !this.#isFirst && unreadable === state.unreadable.join('/')) return undefined;
    this.#isFirst = false;
    return state;
  }

  #set(id: string, pair: KVPair<StoredInstance<Metadata> | undefined> | undefined): void {
    this.#instances.delete(id);
    this.#unreadable.delete(id);
    if (pair?.value !== undefined) this.#instances.set(id, { id, ...pair.value });
    else if (pair !== undefined) this.#unreadable.add(id);
  }
}

/** What is deeper is no instance. */
function idOf(key: string, directory: string): string | undefined {
  const id = key.slice(directory.length + 1);
  return id.includes('/') ? undefined : id;
}
