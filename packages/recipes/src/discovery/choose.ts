import type { Instance } from './instance.ts';

/**
 * - `round-robin`: one after the other, in the order of their ids;
 * - `random`;
 * - `sticky`: for the same `affinity` the same instance for as long as it is there; when one comes or goes, only what falls
 *   to it moves.
 */
export type Strategy = 'round-robin' | 'random' | 'sticky';

/** Picks one of those that are there; remembers what round robin needs. */
export class Chooser<Metadata> {
  readonly #strategy: Strategy;
  #lastId = '';

  constructor(strategy: Strategy) {
    this.#strategy = strategy;
  }

  choose(instances: ReadonlyMap<string, Instance<Metadata>>, affinity: string): Instance<Metadata> | undefined {
    const ids = [...instances.keys()];
    switch (this.#strategy) {
      case 'random':
        return instances.get(ids[Math.floor(Math.random() * ids.length)] ?? '');
      case 'round-robin': {
        ids.sort();
        this.#lastId = ids.find((id) => id > this.#lastId) ?? ids[0] ?? '';
        return instances.get(this.#lastId);
      }
      case 'sticky':
        return instances.get(highestRank(ids, affinity));
    }
  }
}

/** Rendezvous hashing: each affinity ranks all ids in an order of its own. */
function highestRank(ids: readonly string[], affinity: string): string {
  let [chosen, highest] = ['', -1];
  for (const id of ids) {
    const rank = hash(`${affinity}\0${id}`);
    if (rank > highest || (rank === highest && id < chosen)) [chosen, highest] = [id, rank];
  }
  return chosen;
}

/** FNV-1a with 32 bits over the UTF-16 units, and a last mix, without which ids that end alike would rank alike. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193);
  value = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  value = Math.imul(value ^ (value >>> 13), 0xc2b2ae35);
  return (value ^ (value >>> 16)) >>> 0;
}
