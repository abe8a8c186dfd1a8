import type { Buffer } from 'node:buffer';
import type { KvError } from '@kv/core';
import type { IEvent } from 'etcd3';
import type { Subscription, WatchStream } from './watch-stream.ts';

/**
 * Resolves when a key was deleted after the revision `asOf`, or when that cannot be told any more: the caller looks. Rejects
 * with `signal.reason` when the signal aborts.
 */
export function deletion(stream: WatchStream, key: Buffer, asOf: number, signal: AbortSignal): Promise<void> {
  return new Deletion(stream, key, asOf, signal).promise;
}

class Deletion implements Subscription {
  readonly range: { readonly key: Buffer };
  readonly promise: Promise<void>;
  readonly #stream: WatchStream;
  readonly #signal: AbortSignal;
  readonly #seen = Promise.withResolvers<void>();
  readonly #onAbort = () => this.onFailed(this.#signal.reason);
  readonly #subscription: string;
  #revision: number;

  constructor(stream: WatchStream, key: Buffer, asOf: number, signal: AbortSignal) {
    this.range = { key };
    this.promise = this.#seen.promise;
    this.#stream = stream;
    this.#signal = signal;
    this.#revision = asOf;
    this.#subscription = stream.add(this);
    signal.addEventListener('abort', this.#onAbort, { once: true });
    if (signal.aborted) this.#onAbort();
  }

  get from(): number {
    return this.#revision + 1;
  }

  onEvents(events: readonly IEvent[]): void {
    this.#revision = Number(events.at(-1)?.kv.mod_revision);
    if (!events.some(({ type }) => type === 'Delete')) return;
    this.#leave();
    this.#seen.resolve();
  }

  onInterrupted(): void {}

  onFollowed(): void {}

  onCompacted(): void {
    this.#leave();
    this.#seen.resolve();
  }

  onFailed(error: KvError): void {
    this.#leave();
    this.#seen.reject(error);
  }

  #leave(): void {
    this.#signal.removeEventListener('abort', this.#onAbort);
    this.#stream.remove(this.#subscription);
  }
}
