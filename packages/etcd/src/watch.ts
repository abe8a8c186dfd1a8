import {
  type CallContext,
  type DriverWatch,
  KvError,
  type StoredChange,
  type StoredPair,
  type WatchSink,
  type WatchTarget,
} from '@kv/core';
import type { IEvent } from 'etcd3';
import type { Client } from './client.ts';
import type { Keyspace } from './keyspace.ts';
import type { Subscription, WatchStream } from './watch-stream.ts';

export interface EtcdWatchParts {
  readonly client: Client;
  readonly stream: WatchStream;
  readonly keyspace: Keyspace;
  readonly target: WatchTarget;
  readonly sink: WatchSink;
  readonly signal: AbortSignal;
}

/** How long the read of a snapshot may take in milliseconds, where core does not give up before. */
const snapshotTimeout = 60_000;

/** A snapshot at one revision, and every event from the next one on. */
export class EtcdWatch implements DriverWatch, Subscription {
  readonly ended: Promise<void>;
  readonly range: Subscription['range'];
  readonly #parts: EtcdWatchParts;
  readonly #over = Promise.withResolvers<void>();
  readonly #onAbort = () => this.#end();
  /** All events up to this revision have been reported. */
  #revision = 0;
  /** How many keys there were at that revision. */
  #count = 0;
  #interrupted = false;
  #subscription = '';
  #reported = Promise.withResolvers<void>();

  constructor(parts: EtcdWatchParts) {
    this.#parts = parts;
    const { keyspace, target, signal } = parts;
    this.range = 'key' in target ? { key: keyspace.bytes(target.key) } : keyspace.below(target.directory);
    this.ended = this.#over.promise;
    this.#reported.promise.catch(() => {});
    signal.addEventListener('abort', this.#onAbort, { once: true });
    void this.#begin();
  }

  get from(): number {
    return this.#revision + 1;
  }

  onEvents(events: readonly IEvent[]): void {
    const { keyspace, sink } = this.#parts;
    const changes: StoredChange[] = [];
    for (const { type, kv } of events) {
      if (type === 'Put') {
        if (kv.create_revision === kv.mod_revision) this.#count++;
        const pair = keyspace.pair(kv);
        changes.push({ key: pair.key, pair });
      } else {
        this.#count--;
        changes.push({ key: keyspace.key(kv.key) });
      }
    }
    this.#revision = Number(events.at(-1)?.kv.mod_revision);
    sink.changes(changes);
    this.#tellReported();
  }

  onInterrupted(error: KvError): void {
    this.#interrupted = true;
    this.#parts.sink.interrupted(error);
  }

  onFollowed(): void {
    if (!this.#interrupted) return;
    this.#interrupted = false;
    this.#parts.sink.changes([]);
  }

  onCompacted(): void {
    void this.#begin();
  }

  onFailed(error: KvError): void {
    this.#end(error);
  }

  /**
   * Compares what has been reported with the server: the keys that have changed since, and how many there are. That holds
   * on every version of etcd; before 3.4.25 and 3.5.8 an answer to a request for progress may overtake events.
   */
  async catchUp(call: CallContext): Promise<void> {
    let goal: number | undefined;
    do {
      const { promise: reported } = this.#reported;
      const count = this.#count;
      const since = { min_mod_revision: this.from, keys_only: true };
      const response = await this.#parts.client.send('range', { ...this.range, ...since }, call);
      if (response.kvs.length === 0 && Number(response.count) === count) return;
      goal ??= Number(response.header.revision);
      await unlessAborted(reported, call.signal);
    } while (this.#revision < goal);
  }

  async #begin(): Promise<void> {
    const { client, stream, keyspace, sink, signal } = this.#parts;
    try {
      const context = { signal, deadline: performance.now() + snapshotTimeout };
      const { kvs, header } = await client.send('range', this.range, context);
      if (signal.aborted) return;
      const pairs: StoredPair[] = kvs.map((kv) => keyspace.pair(kv));
      this.#revision = Number(header.revision);
      this.#count = kvs.length;
      this.#subscription = stream.add(this);
      sink.snapshot(pairs);
      this.#tellReported();
    } catch (error) {
      this.#end(error);
    }
  }

  #tellReported(): void {
    this.#reported.resolve();
    this.#reported = Promise.withResolvers();
    this.#reported.promise.catch(() => {});
  }

  #end(error?: unknown): void {
    const { stream, signal } = this.#parts;
    signal.removeEventListener('abort', this.#onAbort);
    stream.remove(this.#subscription);
    if (error === undefined || signal.aborted) this.#over.resolve();
    else this.#over.reject(error);
    this.#reported.reject(new KvError('KV_UNAVAILABLE', 'the watch has ended', { retryable: true }));
  }
}

function unlessAborted(pending: Promise<void>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    if (signal.aborted) return onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    pending.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}
