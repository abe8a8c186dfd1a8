import type { Store } from '@kv/core';

/** Of a store, in milliseconds: a list of many nodes by many callers may take long, and is to be measured all the same. */
export const timeout = 60_000;

/** What an operation of a client may give. It is awaited only where it is a promise. */
type Answer<T = unknown> = T | Promise<T>;

/** One way to a backend. A member is absent where the client has no such call. */
export interface Client {
  get?(key: string): Answer;
  /** @returns What `atomicPut` takes as `previous`. */
  put(key: string, value: Buffer): Answer;
  /** Puts up to 1,000 keys in the fastest way that there is. Default: a put of each. */
  fill?(keys: readonly string[], value: Buffer): Answer;
  /** @returns What the next one takes as `previous`. */
  atomicPut?(key: string, value: Buffer, previous: unknown): Answer;
  delete?(key: string): Answer;
  list?(directory: string): Answer<{ readonly length: number }>;
  /** @returns How many pairs there are. */
  scan?(directory: string): Answer<number>;
  /** Opens one and closes it. */
  session?(): Answer;
  /** @returns Once the first state is known, what ends the watch. */
  watch?(key: string, onValue: (value: Uint8Array) => void): Promise<() => void>;
  close(): Answer;
}

export function storeClient(store: Store): Required<Omit<Client, 'fill'>> {
  return {
    get: (key) => store.get(key),
    put: (key, value) => store.put(key, value),
    atomicPut: (key, value, previous) => store.atomicPut(key, value, previous as Awaited<ReturnType<Store['put']>>),
    delete: (key) => store.delete(key),
    list: (directory) => store.list(directory),
    async scan(directory) {
      let count = 0;
      for await (const _ of store.scan(directory)) count++;
      return count;
    },
    session: async () => (await store.session()).close(),
    async watch(key, onValue) {
      const steps = store.watch(key)[Symbol.asyncIterator]();
      await steps.next();
      void (async () => {
        for (let step = await steps.next(); !step.done; step = await steps.next()) {
          if (step.value !== undefined) onValue(step.value.value);
        }
      })();
      return () => void steps.return?.();
    },
    close: () => store.close(),
  };
}
