import { KvError, type Store, text } from '@kv/core';
import { persist } from './persist.ts';
import { type Neighbour, Place, type PlaceOptions } from './place.ts';
import { untilStep } from './until-step.ts';

const arrived = 'arrived';
const passed = 'passed';

/**
 * A point that `parties` clients pass together: each waits in `enter` until all are there, and in `leave` until all have
 * finished. They can pass it again, then. A client that has died is not there. Nothing else may be stored below `key`.
 */
export class Barrier {
  readonly #store: Store<unknown, never>;
  readonly #key: string;
  readonly #parties: number;

  /** @throws {KvError} `KV_INVALID_ARGUMENT` if `parties` is not a whole number from 1. */
  constructor(store: Store<unknown, never>, key: string, parties: number) {
    if (!Number.isInteger(parties) || parties < 1) {
      throw new KvError('KV_INVALID_ARGUMENT', `\`parties\` must be a whole number from 1, not ${parties}`);
    }
    this.#store = store;
    this.#key = key;
    this.#parties = parties;
  }

  /**
   * Waits until all are there.
   *
   * @param options.signal Ends the wait: this client is not there any more.
   * @throws {KvError} `KV_SESSION_LOST` if the session ended while it waited, and as `store.session`.
   */
  async enter(options: PlaceOptions = {}): Promise<Passage> {
    const { signal } = options;
    const place = await Place.join(this.#store, this.#key, arrived, options);
    try {
      const over = signal === undefined ? place.lost : AbortSignal.any([signal, place.lost]);
      // Who has passed may be gone by the time others look: its mark stays until it leaves.
      const allThere = (present: readonly Neighbour[]) =>
        present.length >= this.#parties || present.some(({ value }) => value === passed);
      await this.#until(allThere, over);
      await place.mark(passed, signal);
      const { after } = await place.neighbours(signal);
      const last = after.at(-1)?.createRevision ?? place.token;
      // Who comes after them is there for the next time. That nobody was there in between may go unseen.
      const allLeft = (present: readonly Neighbour[]) => present.every(({ createRevision }) => createRevision > last);
      return new Passage(place, (leaving) => this.#until(allLeft, leaving));
    } catch (error) {
      place.release().catch(() => {});
      throw error;
    }
  }

  async #until(holds: (present: readonly Neighbour[]) => boolean, signal: AbortSignal | undefined): Promise<void> {
    const watch = () => this.#store.withCodec(text()).watchTree(this.#key, { signal });
    await persist(() => untilStep(watch(), ({ pairs }) => holds([...pairs.values()]), signal), signal);
  }
}

/** One client's stay behind a barrier. */
export class Passage {
  readonly #place: Place;
  readonly #untilAllLeft: (signal: AbortSignal | undefined) => Promise<void>;

  /** @internal Use `barrier.enter()`. */
  constructor(place: Place, untilAllLeft: (signal: AbortSignal | undefined) => Promise<void>) {
    this.#place = place;
    this.#untilAllLeft = untilAllLeft;
  }

  /** Aborts when the others may take this client for dead. */
  get lost(): AbortSignal {
    return this.#place.lost;
  }

  /**
   * Leaves, and waits until all have left, through outages.
   *
   * @param options.signal Ends the wait; this client has left nevertheless.
   */
  async leave({ signal }: { readonly signal?: AbortSignal | undefined } = {}): Promise<void> {
    // Where the server cannot be told, the place goes with its `ttl`. Until then, it is among those that are waited for.
    this.#place.release().catch(() => {});
    await this.#untilAllLeft(signal);
  }
}
