import type { Capabilities } from '../capabilities.ts';
import type {
  Awaitable,
  CallContext,
  Consistency,
  Driver,
  DriverSession,
  DriverWatch,
  Lifetime,
  ListPage,
  ListRequest,
  StoredCondition,
  StoredOperation,
  StoredPair,
  StoredTransactionResult,
  WatchSink,
  WatchTarget,
} from '../driver.ts';
import { KvError, type KvErrorCode } from '../error.ts';
import { prefixOf } from '../key.ts';
import type { Gate } from './gate.ts';
import type { MemoryServer, PutOperation, ServerLifetime } from './memory-server.ts';
import { MemoryWatch } from './memory-watch.ts';

const longestTimer = 2 ** 31 - 2;

const capabilities: Capabilities = Object.freeze({
  ttl: Object.freeze({ minMs: 50, maxMs: longestTimer, latestFactor: 2 }),
  session: Object.freeze({ minMs: 50, maxMs: longestTimer, latestFactor: 2 }),
  maxValueBytes: 1 << 20,
  transaction: Object.freeze({ maxOperations: 128, maxBytes: 4 << 20 }),
  watch: 'every-change',
  lock: Object.freeze({ fair: true }),
  compareAndSet: 'exact',
  atomicTrees: true,
});

/** The reference driver: the plainest code that keeps the contract of `Driver`. */
export class MemoryDriver implements Driver {
  readonly capabilities = capabilities;
  readonly #server: MemoryServer;
  readonly #link: Gate;

  constructor(server: MemoryServer, link: Gate) {
    this.#server = server;
    this.#link = link;
  }

  get(key: string, _consistency: Consistency, _call: CallContext): Awaitable<StoredPair | undefined> {
    return this.#send(() => copyOf(this.#server.get(key)));
  }

  exists(key: string, _call: CallContext): Awaitable<boolean> {
    return this.#send(() => this.#server.get(key) !== undefined);
  }

  put(key: string, value: Uint8Array, lifetime: Lifetime, _call: CallContext): Awaitable<StoredPair> {
    return this.#send(() => this.#server.commit([], [putOperation(key, value, lifetime)])?.[0] as StoredPair);
  }

  atomicPut(
    key: string,
    value: Uint8Array,
    previous: string | null,
    lifetime: Lifetime,
    _call: CallContext,
  ): Awaitable<StoredPair> {
    const condition = previous === null ? { key, exists: false } : { key, revision: previous };
    return this.#send(() => {
      const pairs = this.#server.commit([condition], [putOperation(key, value, lifetime)]);
      if (pairs === undefined) throw this.#conflict(key, previous);
      return pairs[0] as StoredPair;
    });
  }

  delete(key: string, _call: CallContext): Awaitable<boolean> {
    return this.#send(() => this.#server.commit([{ key, exists: true }], [{ type: 'delete', key }]) !== undefined);
  }

  atomicDelete(key: string, previous: string, _call: CallContext): Awaitable<void> {
    return this.#send(() => {
      const pairs = this.#server.commit([{ key, revision: previous }], [{ type: 'delete', key }]);
      if (pairs === undefined) throw this.#conflict(key, previous);
    });
  }

  list(directory: string, request: ListRequest, _call: CallContext): Awaitable<ListPage<StoredPair>> {
    return this.#send(() => {
      const page = this.#page(directory, request);
      return { ...page, items: page.items.map((key) => copyOf(this.#server.get(key)) as StoredPair) };
    });
  }

  keys(directory: string, request: ListRequest, _call: CallContext): Awaitable<ListPage<string>> {
    return this.#send(() => this.#page(directory, request));
  }

  deleteTree(directory: string, _call: CallContext): Awaitable<void> {
    return this.#send(() => this.#server.deleteTree(directory));
  }

  transaction(
    conditions: readonly StoredCondition[],
    operations: readonly StoredOperation[],
    _call: CallContext,
  ): Awaitable<StoredTransactionResult> {
    const commands = operations.map((operation) =>
      operation.type === 'delete' ? operation : putOperation(operation.key, operation.value, operation.lifetime),
    );
    return this.#send(() => {
      const pairs = this.#server.commit(conditions, commands);
      return { committed: pairs !== undefined, pairs: pairs ?? [] };
    });
  }

  watch(target: WatchTarget, sink: WatchSink, signal: AbortSignal): DriverWatch {
    return new MemoryWatch(this.#server, this.#link, target, sink, signal);
  }

  async openSession(ttl: number, _call: CallContext): Promise<DriverSession> {
    const id = await this.#send(() => this.#server.openSession(ttl));
    return {
      id,
      ttl,
      renew: async () => this.#send(() => this.#server.renewSession(id)),
      close: async () => this.#send(() => this.#server.endSession(id)),
    };
  }

  async close(): Promise<void> {
    this.#link.cut();
  }

  /** Does it at once where nothing is in the way, else as a request that travels to the server and an answer that travels back. */
  #send<T>(action: () => T): Awaitable<T> {
    const gates = [this.#link, this.#server.gate];
    if (gates.every((gate) => gate.clear)) return action();
    return (async () => {
      for (const gate of gates) await gate.pass();
      const result = action();
      try {
        await this.#link.pass();
      } catch {
        throw new KvError('KV_UNAVAILABLE', 'the connection broke before the answer came', {
          retryable: true,
          outcome: 'unknown',
        });
      }
      return result;
    })();
  }

  #page(directory: string, { recursive, after, limit = Number.POSITIVE_INFINITY }: ListRequest): ListPage<string> {
    const depth = prefixOf(directory).length;
    const items: string[] = [];
    for (const key of this.#server.keys(directory, after)) {
      if (!recursive && key.includes('/', depth)) continue;
      if (items.length === limit) return { items, next: true };
      items.push(key);
    }
    return { items };
  }

  #conflict(key: string, previous: string | null): KvError {
    const current = this.#server.get(key);
    const code: KvErrorCode =
      previous === null ? 'KV_KEY_EXISTS' : current === undefined ? 'KV_KEY_NOT_FOUND' : 'KV_KEY_MODIFIED';
    return new KvError(code, conflicts[code], { outcome: 'not-applied' });
  }
}

const conflicts = {
  KV_KEY_EXISTS: 'the key exists',
  KV_KEY_NOT_FOUND: 'the key does not exist',
  KV_KEY_MODIFIED: 'the pair has another revision than the one given',
} as const;

/** A pair for a reader, who may modify the bytes. */
function copyOf(pair: StoredPair | undefined): StoredPair | undefined {
  return pair && { ...pair, value: new Uint8Array(pair.value) };
}

function putOperation(key: string, value: Uint8Array, { ttl, session }: Lifetime): PutOperation {
  const lifetime: ServerLifetime = {
    ...(ttl === undefined ? {} : { ttl }),
    ...(session === undefined ? {} : { session: session.id }),
  };
  return { type: 'put', key, value, lifetime };
}
