import { type CallOptions, type KVPair, KvError, type Session, type Store } from '@kv/core';
import { isOutage, pause } from './persist.ts';

/** How long a key outlives its process. */
export interface PersistentKeyOptions extends Pick<CallOptions, 'signal'> {
  /**
   * Milliseconds after which the key of a process that has died is gone, as `capabilities.session` has it. Default 15,000.
   */
  readonly ttl?: number | undefined;
}

/**
 * Writes a key that is there for as long as this process lives: bound to a session, and put back when the session was
 * lost, or when somebody has deleted the key. Resolves once it is written, through outages however long they are.
 *
 * @param options.signal Ends the attempt to write it first, not the key.
 * @throws {KvError} As `store.put`, but for outages.
 */
export async function persistentKey<In>(
  store: Store<unknown, In>,
  key: string,
  value: In,
  { ttl, signal }: PersistentKeyOptions = {},
): Promise<PersistentKey<In>> {
  signal?.throwIfAborted();
  const kept = new PersistentKey(store, key, ttl);
  const aborted = Promise.withResolvers<never>();
  const onAbort = () => aborted.reject(signal?.reason);
  signal?.addEventListener('abort', onAbort, { once: true });
  try {
    await Promise.race([kept.set(value), aborted.promise]);
    return kept;
  } catch (error) {
    kept.close().catch(() => {});
    throw error;
  } finally {
    signal?.removeEventListener('abort', onAbort);
  }
}

/** A key that stays until it is closed. */
export class PersistentKey<In> implements AsyncDisposable {
  readonly #store: Store<unknown, In>;
  readonly #key: string;
  readonly #ttl: number | undefined;
  readonly #closing = new AbortController();
  readonly #keeping: Promise<void>;
  #closed: Promise<void> | undefined;
  #session: Session | undefined;
  /** Whether the key has been written with the session there is. */
  #bound = false;
  #wanted: In | undefined;
  /** What was written last. */
  #kept: In | undefined;
  /** The same, as far as its revision is known. */
  #pair: KVPair<unknown> | undefined;
  /** Those who wait for what is wanted to be written. */
  #writes: PromiseWithResolvers<void>[] = [];
  #wake = Promise.withResolvers<void>();
  #failure: unknown;
  #isFollowed = false;

  /** @internal Use `persistentKey()`. */
  constructor(store: Store<unknown, In>, key: string, ttl: number | undefined) {
    this.#store = store;
    this.#key = key;
    this.#ttl = ttl;
    this.#keeping = this.#keep();
  }

  /** Why the key may be gone at the moment, while it is being put back; `undefined` where nothing is known to be wrong. */
  get failure(): unknown {
    return this.#failure ?? (this.#session?.lost.aborted ? this.#session.lost.reason : undefined);
  }

  /**
   * Writes another value, which is put back from now on; `undefined` takes the key away until the next value. Resolves once it
   * is written, through outages; of several that wait, the last one counts.
   *
   * @throws {KvError} As `store.put`, but for outages: the key then keeps the value that it had. `KV_CLOSED`.
   */
  set(value: In | undefined): Promise<void> {
    if (this.#closing.signal.aborted) return Promise.reject(this.#closing.signal.reason);
    const write = Promise.withResolvers<void>();
    this.#wanted = value;
    this.#writes.push(write);
    this.#wake.resolve();
    return write.promise;
  }

  /**
   * Removes the key. Idempotent.
   *
   * @throws {KvError} `KV_UNAVAILABLE` or `KV_TIMEOUT` if the server could not be told. The key is then gone once its `ttl`
   * has passed.
   */
  close(): Promise<void> {
    this.#closed ??= this.#close(new KvError('KV_CLOSED', 'the persistent key was closed', { outcome: 'not-applied' }));
    return this.#closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(reason: KvError): Promise<void> {
    this.#closing.abort(reason);
    this.#wake.resolve();
    await this.#keeping;
    await this.#session?.close();
  }

  /** The only one that writes: one write at a time, until this is closed. */
  async #keep(): Promise<void> {
    const { signal } = this.#closing;
    await this.#wake.promise;
    for (let failures = 0; !signal.aborted; ) {
      this.#wake = Promise.withResolvers();
      const value = this.#wanted;
      const writes = this.#writes.splice(0);
      try {
        await this.#write(value, writes.length > 0);
        this.#kept = value;
        this.#failure = undefined;
        failures = 0;
        for (const write of writes) write.resolve();
      } catch (error) {
        if (!signal.aborted && !this.#refuse(error, writes)) {
          // They go on waiting.
          this.#writes.unshift(...writes);
          await pause(++failures, signal).catch(() => {});
          continue;
        }
        for (const write of writes) write.reject(signal.aborted ? signal.reason : error);
        // What is kept may have gone meanwhile.
        continue;
      }
      await this.#wake.promise;
    }
    for (const write of this.#writes.splice(0)) write.reject(signal.reason);
  }

  /** Whether to give up what could not be written; what was written before is kept then. */
  #refuse(error: unknown, writes: readonly unknown[]): boolean {
    if (KvError.is(error, 'KV_CLOSED')) {
      this.#failure = error;
      this.#closing.abort(error);
      return true;
    }
    if (isOutage(error) || writes.length === 0) {
      this.#failure = error;
      if (KvError.is(error, 'KV_SESSION_LOST')) {
        this.#session?.close().catch(() => {});
        this.#session = undefined;
      }
      return false;
    }
    if (this.#writes.length === 0) this.#wanted = this.#kept;
    return true;
  }

  async #write(value: In | undefined, isNew: boolean): Promise<void> {
    const { signal } = this.#closing;
    if (value === undefined) return this.#takeAway();
    const session = await this.#openSession();
    const options = { session, signal };
    if (isNew || !this.#bound) this.#pair = await this.#store.put(this.#key, value, options);
    else await this.#putBack(value, options);
    this.#bound = true;
    this.#follow();
  }

  async #takeAway(): Promise<void> {
    const session = this.#session;
    // Its end takes just what was written with it.
    const isOver = session !== undefined && !session.lost.aborted && (await session.close().then(yes, no));
    if (!isOver) await this.#deletePair();
    this.#session = undefined;
    this.#pair = undefined;
  }

  /** The server may keep it until the `ttl` has passed: it has not been told, or not been heard, that the session is over. */
  async #deletePair(): Promise<void> {
    if (this.#pair === undefined) return;
    try {
      await this.#store.atomicDelete(this.#key, this.#pair, { signal: this.#closing.signal });
    } catch (error) {
      if (!KvError.is(error, 'KV_KEY_NOT_FOUND') && !KvError.is(error, 'KV_KEY_MODIFIED')) throw error;
    }
  }

  async #openSession(): Promise<Session> {
    if (this.#session !== undefined && !this.#session.lost.aborted) return this.#session;
    const session = await this.#store.session({ ttl: this.#ttl, signal: this.#closing.signal });
    this.#session = session;
    this.#bound = false;
    session.lost.addEventListener('abort', () => this.#wake.resolve(), { once: true });
    return session;
  }

  /** Somebody may have written it meanwhile, and is not disturbed. */
  async #putBack(value: In, options: { readonly session: Session; readonly signal: AbortSignal }): Promise<void> {
    try {
      this.#pair = await this.#store.atomicPut(this.#key, value, null, options);
    } catch (error) {
      if (!KvError.is(error, 'KV_KEY_EXISTS')) throw error;
    }
  }

  /** Notices that the key is gone, though the session is not. */
  #follow(): void {
    if (this.#isFollowed) return;
    this.#isFollowed = true;
    const follow = async () => {
      for await (const pair of this.#store.watch(this.#key, { signal: this.#closing.signal })) {
        if (pair === undefined) this.#wake.resolve();
      }
    };
    // Where the key may not be watched, the session still guards it.
    follow().catch(() => {});
  }
}

const yes = () => true;
const no = () => false;
