import type { Store } from '@kv/core';
import { Place, type PlaceOptions } from './place.ts';

/** The right to read, or to write, until it is released or lost. */
export type Hold = Pick<Place, 'token' | 'condition' | 'lost' | 'release'> & AsyncDisposable;

type Mode = 'read' | 'write';

/**
 * Many readers or one writer, first come, first served: a reader that comes after a waiting writer waits for it, so that none
 * starves. Not reentrant, and a reader does not become a writer. Nothing else may be stored below `key`.
 */
export class ReadWriteLock {
  readonly #store: Store<unknown, never>;
  readonly #key: string;

  constructor(store: Store<unknown, never>, key: string) {
    this.#store = store;
    this.#key = key;
  }

  /**
   * Waits until every writer that came before has gone.
   *
   * @param options.signal Ends the wait, and leaves nothing behind; not the hold.
   * @throws {KvError} `KV_SESSION_LOST` if the session ended while it waited, and as `store.session`.
   */
  read(options: PlaceOptions = {}): Promise<Hold> {
    return this.#take('read', options);
  }

  /** Waits until everybody who came before has gone. As `read`. */
  write(options: PlaceOptions = {}): Promise<Hold> {
    return this.#take('write', options);
  }

  async #take(mode: Mode, options: PlaceOptions): Promise<Hold> {
    const { signal } = options;
    const place = await Place.join(this.#store, this.#key, mode, options);
    try {
      for (;;) {
        const last = await lastInTheWay(place, mode, signal);
        if (last === undefined) return place;
        await place.vacancy(last, undefined, signal);
      }
    } catch (error) {
      place.release().catch(() => {});
      throw error;
    }
  }
}

async function lastInTheWay(place: Place, mode: Mode, signal: AbortSignal | undefined) {
  const { before } = await place.neighbours(signal);
  return before.findLast(({ value }) => mode === 'write' || value === 'write');
}
