import { randomBytes } from 'node:crypto';
import { type CallOptions, type Condition, type KVPair, KvError, type Session, type Store, text } from '@kv/core';
import { persist } from './persist.ts';
import { untilStep } from './until-step.ts';

export interface PlaceOptions extends CallOptions {
  /**
   * Milliseconds after which the place of a process that has died is free again, as `capabilities.session` has it. Default
   * 15,000.
   */
  readonly ttl?: number | undefined;
}

/** Another one's place. */
export type Neighbour = Pick<KVPair<string>, 'key' | 'value' | 'createRevision'>;

/**
 * A place in the queue that the keys below a directory are, in the order of their `createRevision`: one key, bound to a session
 * of its own. What the places mean is up to the recipe; each is held until it is released or lost.
 */
export class Place implements AsyncDisposable {
  /** Greater than that of every place that was taken before in this queue: a fencing token. */
  readonly token: bigint;
  /** For `transaction`: true at the server as long as the place is held. */
  readonly condition: Condition;
  readonly #store: Store<string>;
  readonly #directory: string;
  readonly #session: Session;
  readonly #pair: KVPair<string>;
  readonly #lost = new AbortController();
  readonly #released = new AbortController();
  #releasing: Promise<void> | undefined;

  /** At the end of the queue. It leaves nothing behind when it fails. */
  static async join(
    store: Store<unknown, never>,
    directory: string,
    value: string,
    options: PlaceOptions,
  ): Promise<Place> {
    const session = await store.session(options);
    const texts = store.withCodec(text());
    try {
      const key = `${directory}/${randomBytes(8).toString('hex')}`;
      const { signal, timeout } = options;
      const pair = await texts.atomicPut(key, value, null, { session, signal, timeout });
      return new Place(texts, directory, session, pair);
    } catch (error) {
      // With the session goes the key, if it was made. Nobody waits for a server that may be away.
      session.close().catch(() => {});
      throw error;
    }
  }

  private constructor(store: Store<string>, directory: string, session: Session, pair: KVPair<string>) {
    this.token = pair.createRevision;
    this.condition = { key: pair.key, exists: true };
    this.#store = store;
    this.#directory = directory;
    this.#session = session;
    this.#pair = pair;
    session.lost.addEventListener('abort', () => this.#lose(session.lost.reason), { once: true });
    this.#vacancy(pair, this.#released.signal).then(
      () => this.#lose(lostError()),
      // Released; or a watch that cannot go on, which says nothing about the place: the session still guards it.
      () => {},
    );
  }

  /**
   * Aborts when the place is no longer held, or may no longer be: before another client can have it, unless the server ended
   * the session by force, or somebody removed the key. Read it anew before each step that depends on it: reading compares
   * with the clock.
   */
  get lost(): AbortSignal {
    if (this.#session.lost.aborted) this.#lose(this.#session.lost.reason);
    return this.#lost.signal;
  }

  /**
   * Gives the place up. Idempotent.
   *
   * @throws {KvError} `KV_UNAVAILABLE` or `KV_TIMEOUT` if the server could not be told. The place is then free once its `ttl`
   * has passed.
   */
  release(): Promise<void> {
    this.#releasing ??= this.#release();
    return this.#releasing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.release();
  }

  /**
   * Those that came before and after, the first one first, as they are now, and for as long as it takes to hear of them.
   *
   * @throws {KvError} `KV_SESSION_LOST` if this place is not among them any more.
   */
  async neighbours(
    signal?: AbortSignal,
  ): Promise<{ readonly before: readonly Neighbour[]; readonly after: readonly Neighbour[] }> {
    const queue = await this.#persist((both) => this.#store.list(this.#directory, { signal: both }), signal);
    const before = this.#before(queue);
    return { before, after: sorted(queue.filter(({ createRevision }) => createRevision > this.token)) };
  }

  /** Resolves when a neighbour has gone, or its value has become `value`. */
  async vacancy(neighbour: Neighbour, value?: string, signal?: AbortSignal): Promise<void> {
    await this.#persist((both) => this.#vacancy(neighbour, both, value), signal);
  }

  /** Resolves when those that came before, the first one first, are what is waited for. */
  async untilBefore(holds: (before: readonly Neighbour[]) => boolean, signal?: AbortSignal): Promise<void> {
    await this.#persist((both) => {
      const steps = this.#store.watchTree(this.#directory, { signal: both });
      return untilStep(steps, ({ pairs }) => holds(this.#before([...pairs.values()])), both);
    }, signal);
  }

  /** Lets the others see another value. */
  async mark(value: string, signal?: AbortSignal): Promise<void> {
    const put = (both: AbortSignal) => this.#store.put(this.#pair.key, value, { session: this.#session, signal: both });
    await this.#persist(put, signal);
  }

  /** The loss of the place ends it, be the server away or not. */
  #persist<T>(attempt: (signal: AbortSignal) => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
    const both = signal === undefined ? this.lost : AbortSignal.any([signal, this.lost]);
    return persist(() => attempt(both), both);
  }

  #vacancy({ key, createRevision }: Neighbour, signal: AbortSignal, value?: string): Promise<void> {
    const isVacant = (pair?: Neighbour) => pair?.createRevision !== createRevision || pair.value === value;
    return untilStep(this.#store.watch(key, { signal }), isVacant, signal);
  }

  #before(queue: readonly Neighbour[]): Neighbour[] {
    if (!queue.some(({ key }) => key === this.#pair.key)) throw lostError();
    return sorted(queue.filter(({ createRevision }) => createRevision < this.token));
  }

  async #release(): Promise<void> {
    this.#released.abort();
    await this.#session.close();
  }

  #lose(reason: unknown): void {
    if (this.#releasing === undefined) this.#lost.abort(reason);
  }
}

function sorted(queue: Neighbour[]): Neighbour[] {
  return queue.sort((a, b) => (a.createRevision < b.createRevision ? -1 : 1));
}

function lostError(): KvError {
  return new KvError('KV_SESSION_LOST', 'the place was taken away: its key is gone from the server', {
    outcome: 'not-applied',
  });
}
