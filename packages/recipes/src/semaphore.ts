import { KvError, type Store } from '@kv/core';
import { type Neighbour, Place, type PlaceOptions } from './place.ts';

/** What is told from the start: who need not wait has nothing more to tell. */
const holding = 'holds';
const waiting = 'waits';

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
    const place = await Place.join(this.#store, this.#key, holding, options);
    try {
      let obstacle = await this.#obstacle(place, signal);
      if (obstacle === undefined) return place;
      await place.mark(waiting, signal);
      while (obstacle !== undefined) {
        if (obstacle === 'a permit') {
          await place.untilBefore((before) => this.#obstacleIn(before) !== 'a permit', signal);
        } else {
          await place.vacancy(obstacle.predecessor, holding, signal);
        }
        obstacle = await this.#obstacle(place, signal);
      }
      await place.mark(holding, signal);
      return place;
    } catch (error) {
      place.release().catch(() => {});
      throw error;
    }
  }

  /** Takes a permit that is free. @returns `undefined` if there is none, or others wait for it. */
  async tryAcquire(options: PlaceOptions = {}): Promise<Permit | undefined> {
    const place = await Place.join(this.#store, this.#key, holding, options);
    try {
      if ((await this.#obstacle(place, options.signal)) === undefined) return place;
      await place.release();
      return undefined;
    } catch (error) {
      place.release().catch(() => {});
      throw error;
    }
  }

  async #obstacle(place: Place, signal: AbortSignal | undefined): Promise<Obstacle | undefined> {
    return this.#obstacleIn((await place.neighbours(signal)).before);
  }

  /**
   * Who holds a permit keeps it: those that come later have a greater `createRevision`. Only the first of the waiters follows all
   * holders, and each other one the waiter before it, which tells when it waits no longer. One that has not told yet whether it
   * waits may never do so.
   */
  #obstacleIn(before: readonly Neighbour[]): Obstacle | undefined {
    if (before.length < this.#permits) return undefined;
    const predecessor = before.at(-1) as Neighbour;
    return before.length === this.#permits || predecessor.value === holding ? 'a permit' : { predecessor };
  }
}
