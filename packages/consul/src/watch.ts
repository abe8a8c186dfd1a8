import {
  type CallContext,
  type DriverWatch,
  KvError,
  type StoredPair,
  type WatchSink,
  type WatchTarget,
} from '@kv/core';
import { canceled } from './errors.ts';
import type { Keys } from './keys.ts';
import { pairsBelow } from './listing.ts';
import { storedPair } from './pair.ts';
import { pause } from './pause.ts';
import { printableHead } from './read.ts';
import type { Servers } from './servers.ts';

interface State {
  readonly pairs: readonly StoredPair[];
  /** `X-Consul-Index`: hand it to a blocking query, and that waits for what comes after this state. */
  readonly index: bigint;
  /** Whether it came because the query had waited for as long as it was to, and not because something woke it up. */
  readonly waited: boolean;
}

interface Joiner {
  resolve(): void;
  reject(error: KvError): void;
}

/**
 * One key or directory, followed by blocking queries, one after the other, so that states are reported in their order: each is
 * linearizable, and read after the one before. The rules are those that Consul documents for blocking queries: an index that
 * is 0 or goes backwards starts anew, a query may wake up although nothing has changed, and must then not be sent again at once
 * for ever. It wakes up for nothing where the key or directory does not exist: then for every write to the store.
 */
export class ConsulWatch implements DriverWatch {
  readonly ended: Promise<void>;
  readonly #servers: Servers;
  readonly #keys: Keys;
  readonly #target: WatchTarget;
  readonly #signal: AbortSignal;
  /** Who waits for a state that is read after they came. */
  #joiners: Joiner[] = [];
  #over: KvError | undefined;
  /** Ends the wait of a blocking query, or of a pause. */
  #wake = new AbortController();

  constructor(servers: Servers, keys: Keys, target: WatchTarget, sink: WatchSink, signal: AbortSignal) {
    this.#servers = servers;
    this.#keys = keys;
    this.#target = target;
    this.#signal = signal;
    this.ended = this.#run(sink).then(
      () => this.#refuse(canceled()),
      (error) => {
        this.#refuse(error);
        throw error;
      },
    );
  }

  catchUp(_call: CallContext): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#over !== undefined) return reject(this.#over);
      this.#joiners.push({ resolve, reject });
      this.#wake.abort();
    });
  }

  async #run(sink: WatchSink): Promise<void> {
    // Not before the caller has what the constructor returns.
    await null;
    let last: State | undefined;
    let from: bigint | undefined;
    let idle = 0;
    while (!this.#signal.aborted) {
      const joiners = this.#joiners;
      this.#joiners = [];
      if (joiners.length > 0) from = undefined;
      this.#wake = new AbortController();
      let state: State;
      try {
        state = await this.#read(from);
      } catch (error) {
        this.#joiners.push(...joiners);
        if (this.#signal.aborted) return;
        if (this.#wake.signal.aborted && from !== undefined) continue;
        throw error;
      }
      if (this.#signal.aborted) return;
      const changed = last === undefined || !isSame(state.pairs, last.pairs);
      if (changed) sink.snapshot(state.pairs);
      last = state;
      for (const { resolve } of joiners) resolve();
      from = from !== undefined && state.index < from ? undefined : state.index;
      const asked = changed || joiners.length > 0 || state.waited;
      idle = asked ? 0 : idle + 1;
      if (!asked) await pause(idle, AbortSignal.any([this.#signal, this.#wake.signal]));
    }
  }

  /** The state now, or as soon as it has come after `from`, or a while later. */
  async #read(from: bigint | undefined): Promise<State> {
    const name =
      'key' in this.#target ? this.#keys.toServer(this.#target.key) : this.#keys.prefixOf(this.#target.directory);
    // What a path cannot express is watched as part of all that starts as it does.
    const head = printableHead(name);
    const isPair = 'key' in this.#target && head === name;
    const recurse = isPair ? {} : { recurse: true as const };
    const options = { key: head, buffer: true, consistent: true, ...recurse } as const;
    let waited = false;
    const [{ headers }, result] = await (from === undefined
      ? // What joiners wait for: nobody wakes it up.
        this.#servers.readState(this.#signal, (client, ctx) => client.kv.get({ ...options, ctx }))
      : this.#servers.block(AbortSignal.any([this.#signal, this.#wake.signal]), async (client, ctx, wait) => {
          const sentAt = performance.now();
          const answer = await client.kv.get({ ...options, index: `${from}`, wait: `${wait}ms`, ctx });
          waited = performance.now() - sentAt >= wait;
          return answer;
        }));
    const index = headers['x-consul-index'];
    if (typeof index !== 'string' || !/^\d+$/.test(index)) {
      throw new KvError('KV_INTERNAL', 'the answer has no X-Consul-Index');
    }
    const pairs = result === undefined ? [] : Array.isArray(result) ? result : [result];
    return {
      pairs:
        'key' in this.#target
          ? pairs.filter(({ Key }) => Key === name).map((pair) => storedPair(pair, this.#keys))
          : pairsBelow(pairs, name, this.#keys),
      index: BigInt(index) > 0n ? BigInt(index) : 1n,
      waited,
    };
  }

  #refuse(error: KvError): void {
    this.#over = error;
    for (const { reject } of this.#joiners) reject(error);
    this.#joiners = [];
  }
}

function isSame(a: readonly StoredPair[], b: readonly StoredPair[]): boolean {
  return (
    a.length === b.length &&
    a.every(({ key, revision }, place) => key === b[place]?.key && revision === b[place].revision)
  );
}
