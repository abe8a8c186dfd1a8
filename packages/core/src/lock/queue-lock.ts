import { randomBytes } from 'node:crypto';
import type { CallName, Connection } from '../connection.ts';
import type { Awaitable, CallContext, Driver, DriverHold, DriverLock, LockRequest, StoredPair } from '../driver.ts';
import { KvError } from '../error.ts';
import { KeyWatcher } from '../watch/key-watcher.ts';
import { sharedLife } from '../watch/shared-watch.ts';

type Entry = Pick<StoredPair, 'key' | 'createRevision'>;

/**
 * The fair lock for every driver without one of its own. Who wants the lock creates an entry below `<key>/.lock/`, bound
 * to its session. The entry with the smallest `createRevision` holds the lock; each other one waits for the entry just
 * before its own to go, so that a release wakes one waiter. `createRevision` is the fencing token.
 */
export class QueueLock implements DriverLock {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  async acquire(
    request: LockRequest,
    { signal, timeout }: { readonly signal: AbortSignal; readonly timeout: number },
  ): Promise<DriverHold | undefined> {
    const entryKey = `${queueOf(request.key)}/${randomBytes(8).toString('hex')}`;
    const name: CallName = { operation: 'lock', key: request.key, storedKey: request.key, write: false };
    const persist = <T>(attempt: (driver: Driver, call: CallContext) => Awaitable<T>) =>
      this.#persist(name, { signal, timeout }, attempt);
    const entry = await persist((driver, call) => enter(driver, entryKey, request, call));
    for (;;) {
      const predecessor = await persist((_, call) => this.#predecessor(request.key, entryKey, call));
      if (predecessor === undefined) return this.#hold(entry);
      if (!request.wait) return undefined;
      await this.#gone(predecessor, signal);
      signal.throwIfAborted();
    }
  }

  async holder(
    key: string,
    call: CallContext,
  ): Promise<{ readonly value: Uint8Array; readonly token: bigint } | undefined> {
    const [first] = await this.#entries(key, call);
    return first === undefined ? undefined : { value: first.value, token: first.createRevision };
  }

  /** A server that is away is a reason to wait on: the end of the session, which aborts the signal, ends the wait. */
  async #persist<T>(
    name: CallName,
    options: { readonly signal: AbortSignal; readonly timeout: number },
    attempt: (driver: Driver, call: CallContext) => Awaitable<T>,
  ): Promise<T> {
    for (;;) {
      try {
        return await this.#connection.run(name, options, attempt);
      } catch (error) {
        if (options.signal.aborted || !KvError.is(error) || !error.retryable) throw error;
      }
    }
  }

  /**
   * Who is just before `entryKey` in the queue of the lock `key`. It alone is kept while it is waited for: a thousand waiters
   * would hold a million entries.
   */
  async #predecessor(key: string, entryKey: string, call: CallContext): Promise<Entry | undefined> {
    const queue = await this.#entries(key, call);
    const place = queue.findIndex((entry) => entry.key === entryKey);
    if (place === -1) failAsLost();
    const before = queue[place - 1];
    return before && { key: before.key, createRevision: before.createRevision };
  }

  async #entries(key: string, call: CallContext): Promise<StoredPair[]> {
    const entries: StoredPair[] = [];
    let cursor: unknown;
    do {
      const after = entries.at(-1)?.key;
      const page = await this.#connection.driver.list(
        queueOf(key),
        {
          recursive: false,
          consistency: 'linearizable',
          ...(cursor === undefined ? {} : { cursor }),
          ...(after === undefined ? {} : { after }),
        },
        call,
      );
      entries.push(...page.items);
      cursor = page.next;
    } while (cursor !== undefined);
    return entries.sort((a, b) => (a.createRevision < b.createRevision ? -1 : 1));
  }

  /** Resolves when the entry is gone, the signal has aborted, or the store closes. */
  async #gone(entry: Entry, signal: AbortSignal): Promise<void> {
    const watcher = new KeyWatcher(
      entry.key,
      (pair) => pair,
      sharedLife(this.#connection, { key: entry.key }, [signal]),
    );
    try {
      for (;;) {
        const { done, value } = await watcher.next();
        if (done || value?.createRevision !== entry.createRevision) return;
      }
    } finally {
      await watcher.return();
    }
  }

  #hold(entry: StoredPair): DriverHold {
    const over = new AbortController();
    const gone = this.#gone(entry, over.signal);
    return {
      token: entry.createRevision,
      condition: { key: entry.key, revision: entry.revision },
      lost: gone.then(
        () => (over.signal.aborted || this.#connection.closing.signal.aborted ? never : undefined),
        // A watch that cannot go on says nothing about the lock; the session still guards it.
        () => never,
      ),
      release: async (call) => {
        over.abort();
        await this.#connection.driver.delete(entry.key, call);
      },
    };
  }
}

/** Joins the queue, or finds that an earlier attempt, whose answer did not arrive, has done so: nobody else knows the key. */
async function enter(driver: Driver, key: string, request: LockRequest, call: CallContext): Promise<StoredPair> {
  try {
    return await driver.atomicPut(key, request.value, null, { session: request.session }, call);
  } catch (error) {
    if (!KvError.is(error)) throw error;
    // Sent again, it cannot take effect twice.
    if (error.outcome === 'unknown') throw new KvError(error.code, error.message, { retryable: true, cause: error });
    if (error.code !== 'KV_KEY_EXISTS') throw error;
  }
  return (await driver.get(key, 'linearizable', call)) ?? failAsLost();
}

function failAsLost(): never {
  throw new KvError('KV_SESSION_LOST', 'the session ended while the lock was waited for', { outcome: 'not-applied' });
}

const never = new Promise<never>(() => {});

function queueOf(key: string): string {
  return `${key}/.lock`;
}
