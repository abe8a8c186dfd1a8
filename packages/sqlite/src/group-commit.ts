import { type CallContext, KvError } from '@kv/core';
import type { Database } from 'better-sqlite3';
import { isBusy, toKvError } from './errors.ts';
import { lockPause } from './lock-pause.ts';
import type { Writer } from './writer.ts';

interface Job {
  readonly call: CallContext;
  write(writer: Writer): unknown;
  resolve(result: never): void;
  reject(error: unknown): void;
  result?: unknown;
  error?: KvError | undefined;
}

/** A batch is committed after this time, in milliseconds, so that neither this process nor others wait long for their turn. */
const longestBatch = 10;

/**
 * Where others write too, the lock is left to them for so many milliseconds after each batch: who waits for it asks again
 * and again, and would hardly ever find it free.
 */
const turnOfOthers = 1;

/**
 * Calls that wait for the lock fail so many milliseconds before their deadline: while it can still be said that nothing was
 * applied.
 */
const verdictTime = 10;

/**
 * Commits the writes of one turn of the event loop in one transaction, since the disk takes as long for one as for a
 * hundred. Each is settled after the commit.
 */
export class GroupCommit {
  readonly #onCommit: () => void;
  readonly #runBatch;
  #queue: Job[] = [];
  #attempted = 0;
  #contended = false;
  #notBefore = 0;
  #scheduled = false;
  #closed = false;

  /** @param onCommit Called after each commit, when its writes have been settled. */
  constructor(database: Database, writer: Writer, onCommit: () => void) {
    this.#onCommit = onCommit;
    this.#runBatch = database.transaction((jobs: readonly Job[]) => {
      this.#contended = writer.begin();
      const end = performance.now() + longestBatch;
      for (const job of jobs) {
        this.#attempted++;
        runJob(job, writer);
        if (performance.now() >= end) break;
      }
      writer.end();
    });
  }

  /**
   * Has `write` run in the next transaction. A `KvError` that it throws is the failure of this call alone.
   *
   * @returns What `write` has returned, once it is committed. Fails with `KV_TIMEOUT` if others keep the lock.
   */
  submit<T>(call: CallContext, write: (writer: Writer) => T): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.#queue.push({ call, write, resolve, reject });
      if (!this.#scheduled) this.#schedule();
    });
  }

  /** Forgets what waits: nobody else does any more. */
  close(): void {
    this.#closed = true;
    this.#queue = [];
  }

  readonly #flush = (): void => {
    this.#scheduled = false;
    if (this.#closed) return;
    const jobs = this.#takeAwaited();
    if (jobs.length === 0) return;
    this.#attempted = 0;
    let failure: KvError | undefined;
    try {
      this.#runBatch.immediate(jobs);
    } catch (error) {
      if (isBusy(error)) return this.#waitForLock(jobs);
      failure = toKvError(error);
    }
    const done = this.#attempted === 0 ? jobs.length : this.#attempted;
    for (const job of jobs.slice(0, done)) settle(job, failure);
    if (this.#contended) this.#notBefore = performance.now() + turnOfOthers;
    this.#putBack(jobs.slice(done));
    if (failure === undefined) this.#onCommit();
  };

  /** What has not begun when its caller gives up must not be applied any more. */
  #takeAwaited(): Job[] {
    const now = performance.now();
    const awaited: Job[] = [];
    for (const job of this.#queue) {
      if (job.call.deadline > now && !job.call.signal.aborted) awaited.push(job);
      else job.reject(timeout('its turn did not come in time'));
    }
    this.#queue = [];
    return awaited;
  }

  #waitForLock(jobs: readonly Job[]): void {
    const verdict = performance.now() + verdictTime;
    const waiting: Job[] = [];
    for (const job of jobs) {
      if (job.call.deadline > verdict) waiting.push(job);
      else job.reject(timeout('other processes kept the database locked'));
    }
    this.#notBefore = performance.now() + lockPause();
    this.#putBack(waiting);
  }

  #putBack(jobs: Job[]): void {
    this.#queue = jobs.concat(this.#queue);
    if (this.#queue.length > 0) this.#schedule();
  }

  #schedule(): void {
    this.#scheduled = true;
    const wait = this.#notBefore - performance.now();
    if (wait > 0) setTimeout(this.#flush, wait);
    else setImmediate(this.#flush);
  }
}

function runJob(job: Job, writer: Writer): void {
  try {
    job.error = undefined;
    job.result = job.write(writer);
  } catch (error) {
    if (!KvError.is(error)) throw error;
    job.error = error;
  }
}

function settle({ resolve, reject, result, error }: Job, failure: KvError | undefined): void {
  const reason = failure ?? error;
  if (reason === undefined) resolve(result as never);
  else reject(reason);
}

function timeout(detail: string): KvError {
  return new KvError('KV_TIMEOUT', detail, { retryable: true, outcome: 'not-applied' });
}
