import { type Codec, KvError, type LockHolder, type Store, type WatchOptions } from '@kv/core';
import { iterate } from '../iterate.ts';
import { longestPause, pause, persist, sleep } from '../persist.ts';
import { Leadership } from './leadership.ts';

export type { Leadership };

/** What holds for a candidate. */
export interface ElectionOptions<Out, In> {
  /** For what candidates tell of themselves. Its bytes must be UTF-8, as those of `text()` and `json()` are. */
  readonly codec: Codec<Out, In>;
  /**
   * Milliseconds after which a leader that has died is replaced, as `capabilities.session` has it. Default 15,000.
   */
  readonly ttl?: number | undefined;
}

/** How a campaign ends. */
export interface CampaignOptions {
  /** Ends the campaign, and leaves nothing behind. Default: none. */
  readonly signal?: AbortSignal | undefined;
}

/** Who leads. */
export interface Leader<Out> {
  /** What it tells of itself. Throws `KV_DECODE_FAILED` where the codec does not accept it. */
  readonly value: Out;
  readonly term: bigint;
}

/**
 * Of any number of candidates, at most one leads at a time. Built on `store.lock`, whose rules hold for `key`: the election
 * owns it and the keys below it.
 */
export class Election<Out, In = Out> {
  readonly #store: Store<unknown, never>;
  readonly #key: string;
  readonly #codec: Codec<Out, In>;
  readonly #ttl: number | undefined;
  #coolUntil = 0;

  constructor(store: Store<unknown, never>, key: string, { codec, ttl }: ElectionOptions<Out, In>) {
    this.#store = store;
    this.#key = key;
    this.#codec = codec;
    this.#ttl = ttl;
  }

  /**
   * Waits until this candidate leads, through outages and lost sessions, however long it takes.
   *
   * @param value What others see of it while it leads.
   * @throws {KvError} `KV_INVALID_ARGUMENT`, `KV_PERMISSION_DENIED`, `KV_CLOSED`: what waiting does not mend.
   */
  async campaign(value: In, { signal }: CampaignOptions = {}): Promise<Leadership> {
    const shown = this.#shown(value);
    await sleep(Math.max(0, this.#coolUntil - performance.now()), signal);
    const lock = await persist(() => this.#store.lock(this.#key, { ttl: this.#ttl, value: shown, signal }), signal);
    return new Leadership(lock, (coolDown) => {
      this.#coolUntil = performance.now() + coolDown;
    });
  }

  /**
   * Does a leader's work: campaigns, calls `work`, and resigns when it has returned or thrown. When leadership is lost meanwhile,
   * `leadership.lost` aborts, whatever `work` makes of that is dropped, and the campaign starts again, after a pause.
   *
   * @param work Ends when `leadership.lost` aborts.
   * @param options.signal Ends the campaign, or aborts `leadership.lost`, and then rejects with its reason once `work` has
   * ended.
   * @returns What `work` has returned while it led.
   * @throws What `work` has thrown while it led, and as `campaign`.
   */
  async lead<Result>(
    value: In,
    work: (leadership: Leadership) => Result | Promise<Result>,
    { signal }: CampaignOptions = {},
  ): Promise<Result> {
    for (let losses = 1; ; losses++) {
      const leadership = await this.campaign(value, { signal });
      const start = performance.now();
      const stop = () => leadership.end(signal?.reason);
      signal?.addEventListener('abort', stop, { once: true });
      if (signal?.aborted) stop();
      try {
        const result = await work(leadership);
        if (!leadership.lost.aborted) return result;
      } catch (error) {
        if (!leadership.lost.aborted) throw error;
      } finally {
        signal?.removeEventListener('abort', stop);
        // A server that is away ends the term by itself; the work is done.
        await leadership.resign().catch(() => {});
      }
      signal?.throwIfAborted();
      if (performance.now() - start > longestPause) losses = 1;
      await pause(losses, signal);
    }
  }

  /** Who leads now, as the server has it. @returns `undefined` where nobody does. */
  async leader(options: CampaignOptions = {}): Promise<Leader<Out> | undefined> {
    const holder = await this.#store.lockHolder(this.#key, options);
    return holder && this.#leader(holder);
  }

  /**
   * Who leads, from now on: each step is the leader, or `undefined` while nobody leads. A term that is shorter than the loop
   * takes may be left out. While the server is away, it waits: the last step may be out of date then.
   */
  observe({ signal }: WatchOptions = {}): AsyncIterable<Leader<Out> | undefined> {
    return iterate(signal, (over) => this.#observe(over));
  }

  async *#observe(signal: AbortSignal): AsyncGenerator<Leader<Out> | undefined, undefined> {
    let last: Leader<Out> | undefined | null = null;
    for await (const _ of this.#store.watchTree(this.#key, { signal })) {
      let leader: Leader<Out> | undefined;
      try {
        leader = await persist(() => this.leader({ signal }), signal);
      } catch (error) {
        if (signal.aborted) return undefined;
        throw error;
      }
      if (last === null || leader?.term !== last?.term) yield leader;
      last = leader;
    }
    return undefined;
  }

  #shown(value: In): string {
    try {
      return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(this.#codec.encode(value));
    } catch (cause) {
      throw new KvError('KV_INVALID_ARGUMENT', 'the codec does not accept the value, or its bytes are not UTF-8', {
        outcome: 'not-applied',
        cause,
      });
    }
  }

  #leader({ value, token }: LockHolder): Leader<Out> {
    const codec = this.#codec;
    return {
      term: token,
      get value() {
        try {
          return codec.decode(new TextEncoder().encode(value));
        } catch (cause) {
          throw new KvError('KV_DECODE_FAILED', 'the codec does not accept what the leader tells of itself', { cause });
        }
      },
    };
  }
}
