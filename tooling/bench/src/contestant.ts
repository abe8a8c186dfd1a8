import type { Client } from './client.ts';
import { type Keys, keysBelow, nextValue } from './keys.ts';

export const operations = ['get', 'put', 'atomicPut', 'delete', 'list', 'session'] as const;

export type Operation = (typeof operations)[number];

/** What a contestant did in its turn. */
export interface Turn {
  readonly perSecond: number;
  /** Of the client's process, in microseconds for each call. */
  readonly cpu: number;
}

export interface Contestant {
  readonly name: string;
  can(operation: Operation): boolean;
  /** Calls from so many callers, each of which waits for its answer, for so many milliseconds. */
  turn(operation: Operation, callers: number, milliseconds: number): Promise<Turn>;
}

type Action = (caller: number, i: number) => unknown;

const fewestDeletions = 64;
const mostDeletions = 5_000;

/** A client in this process. */
export class LocalContestant implements Contestant {
  readonly name: string;
  readonly #client: Client;
  readonly #keys: Keys;
  readonly #deleted = keysBelow('deleted', mostDeletions);
  readonly #previous: unknown[] = [];
  #deletions = fewestDeletions;
  #next = 0;

  constructor(name: string, client: Client, keys: Keys) {
    this.name = name;
    this.#client = client;
    this.#keys = keys;
  }

  can(operation: Operation): boolean {
    return this.#client[operation] !== undefined;
  }

  async turn(operation: Operation, callers: number, milliseconds: number): Promise<Turn> {
    if (operation === 'delete') return this.#deletionTurn(callers, milliseconds);
    for (let caller = this.#previous.length; operation === 'atomicPut' && caller < callers; caller++) {
      this.#previous[caller] = await this.#client.put(`counters/${caller}`, nextValue());
    }
    return measure(this.#action(operation), callers, { milliseconds });
  }

  /** What is deleted has to be there first, which is not measured. */
  async #deletionTurn(callers: number, milliseconds: number): Promise<Turn> {
    const count = this.#deletions;
    await measure((_, i) => this.#client.put(this.#deleted.key(i), nextValue()), 64, { count });
    const turn = await measure((_, i) => this.#client.delete?.(this.#deleted.key(i)), callers, { count });
    const wanted = Math.round((turn.perSecond * milliseconds) / 1_000);
    this.#deletions = Math.min(mostDeletions, Math.max(fewestDeletions, wanted));
    return turn;
  }

  #action(operation: Exclude<Operation, 'delete'>): Action {
    const client = this.#client as Required<Client>;
    // A prime: neighbours do not follow each other.
    const stride = 7919;
    const key = () => this.#keys.key(stride * this.#next++);
    switch (operation) {
      case 'get':
        return () => client.get(key());
      case 'put':
        return () => client.put(key(), nextValue());
      case 'list':
        return () => client.list(this.#keys.directory(this.#next++));
      case 'session':
        return () => client.session();
      case 'atomicPut':
        return (caller) => {
          const answer = client.atomicPut(`counters/${caller}`, nextValue(), this.#previous[caller]);
          if (!(answer instanceof Promise)) {
            this.#previous[caller] = answer;
            return answer;
          }
          return answer.then((previous) => {
            this.#previous[caller] = previous;
          });
        };
    }
  }
}

/** Calls for so long, or so often. */
export async function measure(
  action: Action,
  callers: number,
  { milliseconds = Infinity, count = Infinity }: { milliseconds?: number; count?: number },
): Promise<Turn> {
  let calls = 0;
  const cpuBefore = process.cpuUsage();
  const start = performance.now();
  const end = start + milliseconds;
  const call = async (caller: number) => {
    while (calls < count && performance.now() < end) {
      const answer = action(caller, calls++);
      // Whoever calls a client that answers at once does not wait.
      if (answer instanceof Promise) await answer;
    }
  };
  await Promise.all(Array.from({ length: callers }, (_, caller) => call(caller)));
  const seconds = (performance.now() - start) / 1_000;
  const { user, system } = process.cpuUsage(cpuBefore);
  return { perSecond: calls / seconds, cpu: (user + system) / calls };
}
