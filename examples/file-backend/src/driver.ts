import { randomUUID } from 'node:crypto';
import {
  type CallContext,
  type Capabilities,
  type Consistency,
  type Driver,
  type DriverSession,
  type DriverWatch,
  KvError,
  type Lifetime,
  type ListPage,
  type ListRequest,
  prefixOf,
  type StoredCondition,
  type StoredOperation,
  type StoredPair,
  type StoredTransactionResult,
  type WatchSink,
  type WatchTarget,
} from '@kv/core';
import { type Log, now } from './log.ts';
import { base64, type Operation, type State } from './state.ts';
import { FileWatch } from './watch.ts';

const capabilities: Capabilities = Object.freeze({
  ttl: false,
  session: Object.freeze({ minMs: 1_000, maxMs: 2 ** 31 - 2, latestFactor: 2 }),
  maxValueBytes: 1 << 20,
  transaction: Object.freeze({ maxOperations: 128, maxBytes: 1 << 20 }),
  watch: 'every-change',
  lock: Object.freeze({ fair: true }),
  compareAndSet: 'exact',
  atomicTrees: true,
});

export class FileDriver implements Driver {
  readonly capabilities = capabilities;
  readonly #log: Log;

  constructor(log: Log) {
    this.#log = log;
  }

  async get(key: string, _consistency: Consistency, _call: CallContext): Promise<StoredPair | undefined> {
    await this.#log.sync();
    return this.#log.state.get(key);
  }

  async exists(key: string, _call: CallContext): Promise<boolean> {
    await this.#log.sync();
    return this.#log.state.holds({ key, exists: true });
  }

  put(key: string, value: Uint8Array, lifetime: Lifetime, call: CallContext): Promise<StoredPair> {
    return this.#write(call, [putOperation(key, value, lifetime)], key);
  }

  atomicPut(
    key: string,
    value: Uint8Array,
    previous: string | null,
    lifetime: Lifetime,
    call: CallContext,
  ): Promise<StoredPair> {
    return this.#write(call, [putOperation(key, value, lifetime)], key, (state) => check(state, key, previous));
  }

  async delete(key: string, call: CallContext): Promise<boolean> {
    let existed = false;
    return this.#log.commit(
      call.signal,
      (state) => {
        existed = state.holds({ key, exists: true });
        return existed ? [{ type: 'delete', key }] : [];
      },
      () => existed,
    );
  }

  atomicDelete(key: string, previous: string, call: CallContext): Promise<void> {
    return this.#log.commit(
      call.signal,
      (state) => {
        check(state, key, previous);
        return [{ type: 'delete', key }];
      },
      () => undefined,
    );
  }

  async list(directory: string, request: ListRequest, _call: CallContext): Promise<ListPage<StoredPair>> {
    await this.#log.sync();
    const { items, ...rest } = page(this.#log.state, directory, request);
    return { ...rest, items: items.map((key) => this.#log.state.get(key) as StoredPair) };
  }

  async keys(directory: string, request: ListRequest, _call: CallContext): Promise<ListPage<string>> {
    await this.#log.sync();
    return page(this.#log.state, directory, request);
  }

  deleteTree(directory: string, call: CallContext): Promise<void> {
    return this.#log.commit(
      call.signal,
      (state) => state.keys(directory).map((key) => ({ type: 'delete', key })),
      () => undefined,
    );
  }

  transaction(
    conditions: readonly StoredCondition[],
    operations: readonly StoredOperation[],
    call: CallContext,
  ): Promise<StoredTransactionResult> {
    const commands = operations.map((operation) =>
      operation.type === 'put' ? putOperation(operation.key, operation.value, operation.lifetime) : operation,
    );
    let committed = false;
    return this.#log.commit(
      call.signal,
      (state) => {
        committed = conditions.every((condition) => state.holds(condition));
        if (!committed) return [];
        checkSessions(state, commands);
        return commands;
      },
      (state) => ({
        committed,
        pairs: committed ? operations.map(({ type, key }) => (type === 'put' ? state.get(key) : undefined)) : [],
      }),
    );
  }

  watch(target: WatchTarget, sink: WatchSink, signal: AbortSignal): DriverWatch {
    return new FileWatch(this.#log, target, sink, signal);
  }

  async openSession(ttl: number, call: CallContext): Promise<DriverSession> {
    const id = randomUUID();
    const log = this.#log;
    const renewal = (): Operation => ({ type: 'session', id, ttl, renewed: now() });
    await log.commit(
      call.signal,
      () => [renewal()],
      () => undefined,
    );
    return {
      id,
      ttl,
      renew: ({ signal }) =>
        log.commit(
          signal,
          (state) => {
            state.checkSession(id);
            return [renewal()];
          },
          () => undefined,
        ),
      close: ({ signal }) =>
        log.commit(
          signal,
          () => [{ type: 'end', id }],
          () => undefined,
        ),
    };
  }

  async close(): Promise<void> {
    // Nothing is open between two calls.
  }

  #write(
    call: CallContext,
    operations: readonly Operation[],
    key: string,
    checkState: (state: State) => void = () => {},
  ): Promise<StoredPair> {
    return this.#log.commit(
      call.signal,
      (state) => {
        checkState(state);
        checkSessions(state, operations);
        return operations;
      },
      (state) => state.get(key) as StoredPair,
    );
  }
}

function putOperation(key: string, value: Uint8Array, { session }: Lifetime): Operation {
  const put = { type: 'put', key, value: base64(value) } as const;
  return session === undefined ? put : { ...put, session: session.id };
}

function checkSessions(state: State, operations: readonly Operation[]): void {
  for (const operation of operations) {
    if (operation.type === 'put' && operation.session !== undefined) state.checkSession(operation.session);
  }
}

function check(state: State, key: string, previous: string | null): void {
  if (state.holds(previous === null ? { key, exists: false } : { key, revision: previous })) return;
  const outcome = 'not-applied';
  if (previous === null) throw new KvError('KV_KEY_EXISTS', 'the key exists', { outcome });
  if (state.holds({ key, exists: false })) throw new KvError('KV_KEY_NOT_FOUND', 'the key does not exist', { outcome });
  throw new KvError('KV_KEY_MODIFIED', 'the pair has another revision than the one given', { outcome });
}

function page(state: State, directory: string, { recursive, after, limit }: ListRequest): ListPage<string> {
  const depth = prefixOf(directory).length;
  const all = state.keys(directory, after).filter((key) => recursive || !key.includes('/', depth));
  return limit === undefined || all.length <= limit ? { items: all } : { items: all.slice(0, limit), next: true };
}
