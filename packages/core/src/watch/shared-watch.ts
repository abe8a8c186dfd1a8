import { backoff } from '../backoff.ts';
import type { CallName, Connection } from '../connection.ts';
import type { DriverWatch, StoredChange, StoredPair, WatchSink, WatchTarget } from '../driver.ts';
import { KvError } from '../error.ts';
import { compareKeys } from '../key.ts';
import { sleep } from '../sleep.ts';
import type { Watcher, WatcherLife } from './watcher.ts';

/** For a watcher that joins the shared watch of `target` with its first step. */
export function sharedLife(
  connection: Connection,
  target: WatchTarget,
  signals: readonly (AbortSignal | undefined)[],
): WatcherLife {
  let watch: SharedWatch | undefined;
  return {
    signals,
    join: (watcher) => {
      // The iterator is older than the end of the store.
      if (connection.closing.signal.aborted) return void watcher.return();
      watch = SharedWatch.of(connection, target);
      watch.join(watcher);
    },
    leave: (watcher) => watch?.leave(watcher),
  };
}

/** All watchers of one key or directory of a store: one watch of the driver, kept alive until the last of them leaves. */
export class SharedWatch {
  readonly #connection: Connection;
  readonly #target: WatchTarget;
  readonly #id: string;
  readonly #name: CallName;
  readonly #stop = new AbortController();
  /** Those that have their first state, and get every change from then on. */
  readonly #begun = new Set<Watcher>();
  /** Those that wait for their first state. */
  readonly #waiting = new Set<Watcher>();
  /** Those of the waiting for which the next snapshot is late enough: they came before it was asked for. */
  #covered = new Set<Watcher>();
  #state = new Map<string, StoredPair>();
  #synced = false;
  #failures = 0;
  #round: { readonly watch: DriverWatch; readonly abort: AbortController } | undefined;
  #catchingUp = false;

  /** The watch of `target` that this connection has, or a new one. */
  static of(connection: Connection, target: WatchTarget): SharedWatch {
    const id = 'key' in target ? `key ${target.key}` : `directory ${target.directory}`;
    const known = connection.watches.get(id);
    if (known !== undefined) return known;
    const watch = new SharedWatch(connection, target, id);
    connection.watches.set(id, watch);
    void watch.#run();
    return watch;
  }

  private constructor(connection: Connection, target: WatchTarget, id: string) {
    this.#connection = connection;
    this.#target = target;
    this.#id = id;
    const key = 'key' in target ? target.key : target.directory;
    this.#name = { operation: 'key' in target ? 'watch' : 'watchTree', key, storedKey: key, write: false };
  }

  join(watcher: Watcher): void {
    this.#waiting.add(watcher);
    this.#catchUp();
  }

  /** Ends the iteration of every watcher. */
  close(): void {
    for (const watcher of [...this.#begun, ...this.#waiting]) void watcher.return();
  }

  leave(watcher: Watcher): void {
    this.#begun.delete(watcher);
    this.#waiting.delete(watcher);
    this.#covered.delete(watcher);
    if (this.#begun.size + this.#waiting.size === 0) this.#end();
  }

  #end(): void {
    this.#stop.abort();
    this.#connection.recover(this);
    if (this.#connection.watches.get(this.#id) === this) this.#connection.watches.delete(this.#id);
  }

  async #run(): Promise<void> {
    // Watchers that join in the same turn are all covered by the first snapshot.
    await null;
    while (!this.#stop.signal.aborted) {
      const error = await this.#watchOnce();
      if (this.#stop.signal.aborted) return;
      this.#synced = false;
      if (!error.retryable) return this.#fail(error);
      this.#connection.impair(this, error);
      await sleep(backoff(this.#failures++), this.#stop.signal).catch(() => {});
    }
  }

  /** Watches until the driver cannot go on, and tells why. */
  async #watchOnce(): Promise<KvError> {
    const abort = new AbortController();
    const giveUp = (error: unknown) => abort.abort(error);
    const onStop = () => giveUp(undefined);
    this.#stop.signal.addEventListener('abort', onStop, { once: true });
    const firstSnapshot = setTimeout(
      () => giveUp(unavailable(`no state arrived within ${this.#connection.timeout} ms`)),
      this.#connection.timeout,
    );
    const aborted = new Promise<never>((_, reject) => {
      abort.signal.addEventListener('abort', () => reject(abort.signal.reason), { once: true });
    });
    const sink: WatchSink = {
      snapshot: (pairs) => {
        if (abort.signal.aborted) return;
        clearTimeout(firstSnapshot);
        this.#onSnapshot(pairs);
      },
      changes: (changes) => {
        if (abort.signal.aborted) return;
        if (!this.#synced) return giveUp(new KvError('KV_INTERNAL', 'the driver reported changes before a snapshot'));
        this.#connection.recover(this);
        this.#onChanges(changes);
      },
      interrupted: (error) => {
        if (!abort.signal.aborted) this.#connection.impair(this, error);
      },
    };
    this.#covered = new Set(this.#waiting);
    try {
      const watch = this.#connection.driver.watch(this.#target, sink, abort.signal);
      this.#round = { watch, abort };
      await Promise.race([watch.ended, aborted]);
      return unavailable('the driver ended the watch without a reason');
    } catch (error) {
      return this.#connection.tell(error, this.#name);
    } finally {
      clearTimeout(firstSnapshot);
      this.#stop.signal.removeEventListener('abort', onStop);
      // Whatever the driver still has to free, it frees; what it still has to say is ignored.
      this.#round?.watch.ended.catch(() => {});
      this.#round = undefined;
      aborted.catch(() => {});
      giveUp(undefined);
    }
  }

  #onSnapshot(pairs: readonly StoredPair[]): void {
    const state = new Map(pairs.map((pair) => [pair.key, pair]));
    const changes: StoredChange[] = [...state.values()].map((pair) => ({ key: pair.key, pair }));
    for (const key of this.#state.keys()) if (!state.has(key)) changes.push({ key });
    changes.sort((a, b) => compareKeys(a.key, b.key));
    this.#synced = true;
    this.#failures = 0;
    this.#connection.recover(this);
    this.#onChanges(changes);
    this.#begin(this.#covered);
    this.#covered = new Set();
    this.#catchUp();
  }

  #onChanges(changes: readonly StoredChange[]): void {
    for (const change of changes) {
      const known = this.#state.get(change.key);
      if (known?.revision === change.pair?.revision) continue;
      if (change.pair === undefined) this.#state.delete(change.key);
      else this.#state.set(change.key, change.pair);
      for (const watcher of this.#begun) watcher.push(change);
    }
    for (const watcher of this.#begun) watcher.flush();
  }

  #begin(watchers: Iterable<Watcher>): void {
    for (const watcher of watchers) {
      if (!this.#waiting.delete(watcher)) continue;
      this.#begun.add(watcher);
      watcher.begin(this.#state);
    }
  }

  /**
   * Gives those that joined late the state at their start: what the driver has reported so far may be older than a write
   * that they have seen acknowledged.
   */
  #catchUp(): void {
    const round = this.#round;
    if (!this.#synced || round === undefined || this.#catchingUp || this.#waiting.size === 0) return;
    this.#catchingUp = true;
    // Those that join in the same turn share one.
    queueMicrotask(async () => {
      const joined = [...this.#waiting];
      try {
        await this.#connection.request(this.#name, { signal: round.abort.signal }, (_, call) =>
          round.watch.catchUp(call),
        );
        if (this.#round === round) this.#begin(joined);
      } catch (error) {
        // A new snapshot is the other way to a state that is late enough.
        round.abort.abort(error ?? unavailable('the watch was given up'));
      } finally {
        this.#catchingUp = false;
        this.#catchUp();
      }
    });
  }

  #fail(error: KvError): void {
    const watchers = [...this.#begun, ...this.#waiting];
    this.#end();
    for (const watcher of watchers) watcher.fail(error);
  }
}

function unavailable(detail: string): KvError {
  return new KvError('KV_UNAVAILABLE', detail, { retryable: true });
}
