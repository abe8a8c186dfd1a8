import type { DriverWatch, StoredChange, StoredPair, WatchSink, WatchTarget } from '@kv/core';
import type { Database } from 'better-sqlite3';
import { ChangeLog, type LoggedChange } from './change-log.ts';
import { toKvError } from './errors.ts';
import { Expiry, isPast, type NextExpiry } from './expiry.ts';
import type { Keyspace } from './keyspace.ts';
import { pairOf, type Reader } from './reader.ts';
import type { Sweeper } from './sweeper.ts';
import type { Turns } from './turns.ts';
import { WatchIndex } from './watch-index.ts';

interface Watch {
  readonly target: WatchTarget;
  readonly sink: WatchSink;
  readonly signal: AbortSignal;
  /** Frees what it holds, and settles `ended`. */
  end(error?: unknown): void;
}

/** What one watch is told of what was read. */
type Report = { readonly snapshot: readonly StoredPair[] } | { readonly changes: StoredChange[] };

interface Progress {
  /** The last change that was read. */
  readonly revision: number;
  readonly reports: ReadonlyMap<Watch, Report>;
  readonly next: NextExpiry;
}

/**
 * How often it looks for changes of other processes, in milliseconds: more often for a while after each, since they come in
 * groups. A look that finds none takes about two microseconds.
 */
const activeInterval = 5;
const idleInterval = 10;
const activeFor = 1_000;

/** When something overdue could not be removed, the next try comes after so many milliseconds. */
const sweepPause = 1_000;

/** All watches of a store. It looks for changes once for all of them, and only while there are any. */
export class ChangeFeed {
  readonly #keys: Keyspace;
  readonly #reader: Reader;
  readonly #sweeper: Sweeper;
  readonly #turns: Turns;
  readonly #log: ChangeLog;
  readonly #expiry: Expiry;
  readonly #dataVersion;
  readonly #progressIn;
  readonly #watches = new WatchIndex<Watch>();
  /** The last change that the watches have been told of. */
  #told = 0;
  #seenVersion = 0;
  #activeUntil = 0;
  #next: NextExpiry | undefined;
  #sweepNotBefore = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(database: Database, keys: Keyspace, reader: Reader, sweeper: Sweeper, turns: Turns) {
    this.#keys = keys;
    this.#reader = reader;
    this.#sweeper = sweeper;
    this.#turns = turns;
    this.#log = new ChangeLog(database);
    this.#expiry = new Expiry(database);
    this.#dataVersion = database.prepare<[], number>('PRAGMA data_version').pluck();
    this.#progressIn = database.transaction((joining?: Watch) => this.#progress(joining));
  }

  watch(target: WatchTarget, sink: WatchSink, signal: AbortSignal): DriverWatch {
    const over = Promise.withResolvers<void>();
    const onAbort = () => watch.end();
    const watch: Watch = {
      target,
      sink,
      signal,
      end: (error) => {
        signal.removeEventListener('abort', onAbort);
        this.#leave(watch);
        if (error === undefined) over.resolve();
        else over.reject(error);
      },
    };
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
    const joined = this.#join(watch);
    return {
      ended: over.promise,
      catchUp: async () => {
        await joined;
        this.#look();
        await this.#turns.give(undefined);
      },
    };
  }

  /** To be called after a commit of this store: its changes do not show in the version of the data. */
  committed(): void {
    this.#sweepNotBefore = 0;
    if (this.#watches.size === 0) return;
    try {
      this.#tell();
    } catch (error) {
      this.#fail(error);
    }
  }

  close(): void {
    clearTimeout(this.#timer);
  }

  async #join(watch: Watch): Promise<void> {
    try {
      await this.#turns.give(undefined);
      if (this.#expiry.overdue()) await this.#sweeper.sweep();
      if (watch.signal.aborted) return;
      this.#tell(watch);
      this.#timer ??= setTimeout(this.#tick, activeInterval);
    } catch (error) {
      watch.end(toKvError(error));
    }
  }

  #leave(watch: Watch): void {
    this.#watches.delete(watch);
    if (this.#watches.size > 0) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  readonly #tick = (): void => {
    this.#timer = undefined;
    try {
      this.#look();
    } catch (error) {
      this.#fail(error);
    }
    if (this.#watches.size === 0) return;
    const now = performance.now();
    if (this.#next !== undefined && isPast(this.#next) && now >= this.#sweepNotBefore) {
      this.#sweepNotBefore = now + sweepPause;
      void this.#sweeper.sweep();
    }
    this.#timer = setTimeout(this.#tick, now < this.#activeUntil ? activeInterval : idleInterval);
  };

  /** Tells what other processes have committed, if they have. */
  #look(): void {
    if (this.#dataVersion.get() !== this.#seenVersion) this.#tell();
  }

  /** Tells the watches what has been committed, and the one that joins the state. */
  #tell(joining?: Watch): void {
    const version = this.#dataVersion.get() as number;
    const { revision, reports, next } = this.#progressIn(joining);
    if (revision !== this.#told) this.#activeUntil = performance.now() + activeFor;
    this.#seenVersion = version;
    this.#told = revision;
    this.#next = next;
    if (joining !== undefined) this.#watches.add(joining);
    for (const [{ sink, signal }, report] of reports) {
      if (signal.aborted) continue;
      if ('changes' in report) sink.changes(report.changes);
      else sink.snapshot(report.snapshot);
    }
  }

  /** In one transaction, so that all of it is of one moment. */
  #progress(joining: Watch | undefined): Progress {
    const changes = this.#watches.size === 0 ? [] : this.#log.after(this.#told);
    const reports = changes === undefined ? this.#snapshots() : this.#changes(changes);
    if (joining !== undefined) reports.set(joining, this.#snapshot(joining));
    return { revision: this.#log.revision(), reports, next: this.#expiry.next() };
  }

  #changes(changes: readonly LoggedChange[]): Map<Watch, Report> {
    const reports = new Map<Watch, { readonly changes: StoredChange[] }>();
    for (const logged of changes) {
      if (!this.#keys.holds(logged.key)) continue;
      const key = this.#keys.plain(logged.key);
      let change: StoredChange | undefined;
      for (const watch of this.#watches.of(key)) {
        change ??= this.#change(key, logged);
        const report = reports.get(watch);
        if (report === undefined) reports.set(watch, { changes: [change] });
        else report.changes.push(change);
      }
    }
    return reports;
  }

  #change(key: string, { revision, create_revision }: LoggedChange): StoredChange {
    if (create_revision === null) return { key };
    return { key, pair: pairOf(key, { revision, create_revision, value: this.#log.valueAt(revision) }) };
  }

  #snapshots(): Map<Watch, Report> {
    return new Map([...this.#watches].map((watch) => [watch, this.#snapshot(watch)]));
  }

  #snapshot({ target }: Watch): Report {
    return { snapshot: this.#reader.state(target) };
  }

  #fail(error: unknown): void {
    const told = toKvError(error);
    for (const watch of [...this.#watches]) watch.end(told);
  }
}
