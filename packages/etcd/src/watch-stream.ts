import { setTimeout as sleep } from 'node:timers/promises';
import { KvError } from '@kv/core';
import type { IEvent, IWatchResponse } from 'etcd3';
import type { Client, Route } from './client.ts';
import type { WatchDuplex } from './endpoint.ts';
import { kvError } from './errors.ts';
import type { KeyRange } from './keyspace.ts';

/** What follows keys on the shared stream. None of its methods may throw. */
export interface Subscription {
  /** One key where there is no `range_end`. */
  readonly range: Pick<KeyRange, 'key'> & Partial<KeyRange>;
  /** The first revision of which the subscription has no events yet. */
  readonly from: number;
  /** The events of whole revisions, in order; none of them twice. */
  onEvents(events: readonly IEvent[]): void;
  /** The stream broke. It is opened again, and goes on from `from`. */
  onInterrupted(error: KvError): void;
  /** The server follows these keys: at the start, and after an interruption. */
  onFollowed(): void;
  /** The events from `from` on do not exist any more. The subscription has ended. */
  onCompacted(): void;
  /** The subscription has ended. */
  onFailed(error: KvError): void;
}

interface Entry {
  readonly subscription: Subscription;
  /** The parts so far of an answer that the server has split. */
  fragments: IEvent[];
  /** How many times in a row the server has refused to follow these keys. */
  refusals: number;
}

/** After so many milliseconds without a word, the server is asked to say something. */
const quiet = 3_000;
/** After so many it counts as gone. */
const silent = 8_000;
const longestPause = 1_000;

/**
 * All watches of a store, on one stream of one server. While there are none, there is no stream. A stream that breaks, or
 * that says nothing although it was asked to, is opened again, and each subscription goes on where it was.
 */
export class WatchStream {
  readonly #client: Client;
  readonly #entries = new Map<string, Entry>();
  #nextId = 1;
  /** The watches that the server has been asked for on this stream, and has not answered. It answers in order. */
  #asked: string[] = [];
  /** Ends the stream that there is, or is to be. */
  #stop: AbortController | undefined;
  #duplex: WatchDuplex | undefined;

  constructor(client: Client) {
    this.#client = client;
  }

  /** @returns What to `remove` it by. */
  add(subscription: Subscription): string {
    const id = String(this.#nextId++);
    const entry: Entry = { subscription, fragments: [], refusals: 0 };
    this.#entries.set(id, entry);
    if (this.#duplex !== undefined) this.#create(this.#duplex, id, entry);
    else if (this.#stop === undefined) {
      this.#stop = new AbortController();
      void this.#run(this.#stop.signal);
    }
    return id;
  }

  /** Does nothing where the subscription has ended. */
  remove(id: string): void {
    if (this.#entries.delete(id)) this.#duplex?.write({ cancel_request: { watch_id: id } });
    if (this.#entries.size === 0) this.close();
  }

  close(): void {
    this.#entries.clear();
    this.#stop?.abort();
    this.#stop = undefined;
    this.#duplex = undefined;
  }

  async #run(stop: AbortSignal): Promise<void> {
    for (let failures = 0; !stop.aborted; failures++) {
      const openedAt = performance.now();
      try {
        await this.#follow(failures > 0, stop);
      } catch (error) {
        if (stop.aborted) return;
        this.#duplex = undefined;
        const told = kvError(error);
        if (!told.retryable) return this.#fail(told);
        for (const { subscription } of [...this.#entries.values()]) subscription.onInterrupted(told);
        if (performance.now() - openedAt > silent) failures = 0;
      }
      const pause = Math.random() * Math.min(longestPause, 25 * 2 ** failures);
      await sleep(pause, undefined, { signal: stop }).catch(() => {});
    }
  }

  /** Ends, with an error, when the stream does. */
  async #follow(resuming: boolean, stop: AbortSignal): Promise<void> {
    // Before the route is taken: it may find that a new login is needed.
    if (resuming) await this.#checkHistory(stop);
    const route = await this.#client.route();
    if (stop.aborted) return;
    const duplex = route.endpoint.watch(route.headers.requireLeader);
    const { promise: ended, reject: end } = Promise.withResolvers<never>();
    const onStop = () => duplex.cancel();
    let heardAt = performance.now();
    let pinged = false;
    duplex.on('data', (response) => {
      heardAt = performance.now();
      pinged = false;
      if (this.#duplex === duplex) this.#onResponse(response, route, end);
    });
    duplex.on('error', (error) => {
      this.#client.streamFailed(route, error);
      end(error);
    });
    duplex.on('end', () => end(broken('the server has ended the watch stream')));
    const pulse = setInterval(() => {
      const silence = performance.now() - heardAt;
      if (silence > silent) {
        this.#client.leave(route.endpoint);
        end(broken(`the watch stream has been silent for ${Math.round(silence)} ms`));
      } else if (silence > quiet && !pinged) {
        pinged = true;
        this.#ping(duplex);
      }
    }, quiet / 3);
    stop.addEventListener('abort', onStop, { once: true });
    try {
      this.#duplex = duplex;
      this.#asked = [];
      for (const [id, entry] of this.#entries) this.#create(duplex, id, entry);
      await ended;
    } finally {
      clearInterval(pulse);
      stop.removeEventListener('abort', onStop);
      duplex.cancel();
    }
  }

  /**
   * Makes the server say something: it confirms each new watch, here one that never reports and is ended at once. To a request
   * for progress etcd 3.6 does not answer while one of the stream's watches starts after its latest revision
   * (progressIfSync in server/storage/mvcc/watchable_store.go).
   */
  #ping(duplex: WatchDuplex): void {
    const id = String(this.#nextId++);
    const [first] = this.#entries.values();
    if (first === undefined) return;
    const { key } = first.subscription.range;
    this.#asked.push(id);
    duplex.write({ create_request: { key, watch_id: id, filters: ['Noput', 'Nodelete'] } });
    duplex.write({ cancel_request: { watch_id: id } });
  }

  /** Of a server that was restored from a backup, what came after the backup is gone, and its revisions are given anew. */
  async #checkHistory(signal: AbortSignal): Promise<void> {
    const [first] = this.#entries.values();
    if (first === undefined) return;
    const request = { key: first.subscription.range.key, count_only: true };
    let revision: number;
    try {
      const context = { signal, deadline: performance.now() + silent };
      revision = Number((await this.#client.send('range', request, context)).header.revision);
    } catch (error) {
      if (KvError.is(error, 'KV_PERMISSION_DENIED')) return; // which concerns these keys alone, and their watch will be refused
      throw error;
    }
    for (const [id, { subscription }] of this.#entries) {
      if (subscription.from <= revision + 1) continue;
      this.#entries.delete(id);
      subscription.onCompacted();
    }
  }

  #onResponse(response: IWatchResponse, route: Route, end: (error: KvError) => void): void {
    // A watch that is refused is answered without its number.
    const id = response.created ? (this.#asked.shift() ?? '') : response.watch_id;
    const entry = this.#entries.get(id);
    if (entry === undefined) return;
    const { subscription } = entry;
    if (response.canceled) {
      if (response.compact_revision !== '0') {
        this.#entries.delete(id);
        subscription.onCompacted();
      } else if (entry.refusals++ === 0) {
        // The token of the stream may be out of date.
        this.#client.forget(route.headers);
        end(broken(`the server has ended a watch: ${response.cancel_reason}`));
      } else {
        this.#entries.delete(id);
        subscription.onFailed(
          new KvError('KV_PERMISSION_DENIED', `the server refuses to watch: ${response.cancel_reason}`),
        );
      }
      return;
    }
    if (response.created) {
      entry.refusals = 0;
      subscription.onFollowed();
      return;
    }
    if (response.fragment || entry.fragments.length > 0) {
      entry.fragments.push(...response.events);
      if (response.fragment) return;
    }
    const events = entry.fragments.length > 0 ? entry.fragments : response.events;
    entry.fragments = [];
    if (events.length > 0) subscription.onEvents(events);
  }

  #create(duplex: WatchDuplex, id: string, entry: Entry): void {
    const { range, from } = entry.subscription;
    entry.fragments = [];
    this.#asked.push(id);
    duplex.write({ create_request: { ...range, start_revision: from, watch_id: id, fragment: true } });
  }

  #fail(error: KvError): void {
    const entries = [...this.#entries.values()];
    this.close();
    for (const { subscription } of entries) subscription.onFailed(error);
  }
}

function broken(detail: string): KvError {
  return new KvError('KV_UNAVAILABLE', detail, { retryable: true });
}
