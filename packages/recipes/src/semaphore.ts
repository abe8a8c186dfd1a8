import { KvError, type Store } from '@kv/core';
import { type Neighbour, Place, type PlaceOptions } from './place.ts';

const waiting = 'waits';
const holding = 'holds';

/** One of the permits of a semaphore, until it is released or lost. */
export type Permit = Pick<Place, 'token' | 'condition' | 'lost' | 'release'> & AsyncDisposable;

/** What a waiter has to wait for. */
type Obstacle = { readonly predecessor: Neighbour } | 'a permit';

/**
 * At most `permits` clients at a time, first come, first served. All clients must name the same number. Nothing else may be
 * stored below `key`.
 */
export class Semaphore {
  readonly #store: Store<unknown, never>;
  readonly #key: string;
  readonly #permits: number;

  /** @throws {KvError} `KV_INVALID_ARGUMENT` if `permits` is not a whole number from 1. */
  constructor(store: Store<unknown, never>, key: string, permits: number) {
    if (!Number.isInteger(permits) || permits < 1) {
      throw new KvError('KV_INVALID_ARGUMENT', `\`permits\` must be a whole number from 1, not ${permits}`);
    }
    this.#store = store;
    this.#key = key;
    this.#permits = permits;
  }

  /**
   * Waits for a permit and takes it.
   *
   * @param options.signal Ends the wait, and leaves nothing behind; not the permit, once it is held.
   * @throws {KvError} `KV_SESSION_LOST` if the session ended while it waited, and as `store.session`.
   */
  async acquire(options: PlaceOptions = {}): Promise<Permit> {
    const { signal } = options;
    const place = await Place.join(this.#store, this.#key, waiting, options);
    try {
      let waited = false;
      for (;;) {
        const obstacle = await this.#obstacle(place, signal);
        if (obstacle === undefined) break;
        waited = true;
        // Only the first of the waiters follows the holders; each other one waits for the one before it.
        if (obstacle === 'a permit') await place.fewerBefore(this.#permits, signal);
        else await place.vacancy(obstacle.predecessor, holding, signal);
      }
      if (waited) await place.mark(holding, signal);
      return place;
    } catch (error) {
      place.release().catch(() => {});
      throw error;
    }
  }

  /** Takes a permit that is free. @returns `undefined` if there is none, or others wait for it. */
  async tryAcquire(options: PlaceOptions = {}): Promise<Permit | undefined> {
    const place = await Place.join(this.#store, this.#key, waiting, options);
    try {
      if ((await this.#obstacle(place, options.signal)) === undefined) return place;
      await place.release();
      return undefined;
    } catch (error) {
      place.release().catch(() => {});
      throw error;
    }
  }

  /** Who holds a permit keeps it: those that come later have a greater `createRevision`. */
  async #obstacle(place: Place, signal: AbortSignal | undefined): Promise<Obstacle | undefined> {
    const before = await place.before(signal);
    if (before.length < this.#permits) return undefined;
    if (before.length === this.#permits) return 'a permit';
    return { predecessor: before.at(-1) as Neighbour };
  }
}
