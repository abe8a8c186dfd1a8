import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { type DriverFactory, json, KvError, type Lock, openStore, type Store } from '@kv/core';
import { poll } from './poll.ts';
import type { Deployment, Kind } from './server.ts';
import { startServers } from './start.ts';

const writers = 4;
const watchers = 4;
const contenders = 3;
/** How long a server that was killed stays away, in milliseconds. */
const absence = 1_000;

type Counter = 'counted' | 'locked';

/** How often something was done to a counter: surely, and perhaps, since the answer was lost. */
interface Tally {
  acknowledged: number;
  unknown: number;
  /** Surely not done. */
  refused: number;
}

/**
 * A long run under load while servers die. Writers add to a counter by compare-and-set, contenders to another one under a
 * lock, each watcher follows all keys; one of three servers, the leader every other time, is killed and started again, again
 * and again. It throws if an acknowledged addition is lost or one is done twice, if a watcher misses the last state of a key
 * or sees an older one than before, if two hold the lock at a time, if memory grows, or if a rejection is handled by nobody.
 *
 * The arguments of the program are its length in seconds, default 600, and the seconds between kills, default 20. It prints a line a kill,
 * and its result as JSON. Run it with `--expose-gc`.
 *
 * @param driver Makes a driver for a client of its own.
 */
export async function soak(kind: Kind, driver: (deployment: Deployment) => DriverFactory): Promise<void> {
  const [seconds = 600, killEvery = 20] = process.argv.slice(2).map(Number);
  const deployment = await startServers(kind, { size: 3 });
  try {
    const run = new Soak(deployment, () => driver(deployment), seconds, killEvery);
    const result = await run.result();
    process.stdout.write(
      `${JSON.stringify({ kind, version: deployment.version, mode: deployment.mode, ...result })}\n`,
    );
  } finally {
    await deployment.remove();
  }
}

class Soak {
  readonly #deployment: Deployment;
  readonly #driver: () => DriverFactory;
  readonly #seconds: number;
  readonly #killEvery: number;
  readonly #over = new AbortController();
  readonly #tallies: Record<Counter, Tally> = {
    counted: { acknowledged: 0, unknown: 0, refused: 0 },
    locked: { acknowledged: 0, unknown: 0, refused: 0 },
  };
  readonly #counts = { watchSteps: 0, changesSeen: 0, locksTaken: 0, locksLost: 0, kills: 0 };
  readonly #holders = new Set<Lock>();
  #lastToken = 0n;
  /** In MiB, after each garbage collection. */
  readonly #memory: { readonly heap: number; readonly resident: number }[] = [];

  constructor(deployment: Deployment, driver: () => DriverFactory, seconds: number, killEvery: number) {
    this.#deployment = deployment;
    this.#driver = driver;
    this.#seconds = seconds;
    this.#killEvery = killEvery;
  }

  async result(): Promise<object> {
    const unhandled: unknown[] = [];
    process.on('unhandledRejection', (error) => unhandled.push(error));
    const finalState = Promise.withResolvers<ReadonlyMap<string, number>>();
    const watching = Array.from({ length: watchers }, () => this.#watch(finalState.promise));
    const timer = setTimeout(() => this.#over.abort(), this.#seconds * 1_000);
    try {
      const working = [
        ...Array.from({ length: writers }, (_, id) => this.#client((store) => this.#write(store, id))),
        ...Array.from({ length: contenders }, () => this.#client((store) => this.#contend(store))),
        this.#killServers(),
        this.#measureMemory(),
      ];
      const watcherEnded = watching.map((each) => each.then(() => assert.fail('a watcher ended')));
      await Promise.race([Promise.all(working), ...watcherEnded]);
      const state = await this.#client(async (store) => {
        const pairs = await poll('the last state is read', () => store.list('data'));
        return new Map(pairs.map(({ key, value }) => [key, value]));
      });
      finalState.resolve(state);
      await Promise.all(watching);
      for (const [name, tally] of Object.entries(this.#tallies))
        checkTally(name, state.get(`data/${name}`) ?? 0, tally);
      this.#checkMemory();
      assert.deepEqual(unhandled, []);
      return { seconds: this.#seconds, ...this.#tallies, ...this.#counts, memoryMiB: this.#memory };
    } finally {
      clearTimeout(timer);
      this.#over.abort();
    }
  }

  async #client<T>(use: (store: Store<number>) => Promise<T>): Promise<T> {
    const store = await openStore(this.#driver(), { codec: json<number>(), timeout: 20_000 });
    try {
      return await use(store);
    } finally {
      await store.close();
    }
  }

  async #write(store: Store<number>, id: number): Promise<void> {
    for (let own = 0; !this.#over.signal.aborted; own++) {
      await this.#count('counted', () => store.update('data/counted', (pair) => (pair?.value ?? 0) + 1));
      try {
        await store.put(`data/writers/${id}/${own % 10}`, own);
        // So that there are keys that the watchers see going, and coming back.
        if (own % 3 === 0) await store.delete(`data/writers/${id}/${(own + 5) % 10}`);
      } catch (error) {
        this.#expectOutage(error);
      }
    }
  }

  async #contend(store: Store<number>): Promise<void> {
    while (!this.#over.signal.aborted) {
      try {
        const lock = await store.lock('lock', { ttl: 5_000, signal: this.#over.signal });
        this.#checkHolder(lock);
        await this.#count('locked', () => this.#addLocked(store, lock));
        if (lock.lost.aborted) this.#counts.locksLost++;
        this.#holders.delete(lock);
        await lock.release();
      } catch (error) {
        this.#expectOutage(error);
      }
    }
  }

  #checkHolder(lock: Lock): void {
    for (const other of this.#holders) assert(other.lost.aborted, 'two hold the lock');
    assert(lock.token > this.#lastToken, 'a token is not greater than the one before');
    this.#lastToken = lock.token;
    this.#holders.add(lock);
    this.#counts.locksTaken++;
  }

  /** Guarded by the lock's own condition where there are transactions: who has lost it without knowing writes nothing. */
  async #addLocked(store: Store<number>, lock: Lock): Promise<void> {
    const pair = await store.get('data/locked');
    const value = (pair?.value ?? 0) + 1;
    if (store.capabilities.transaction === false) {
      await store.atomicPut('data/locked', value, pair ?? null);
      return;
    }
    const { committed } = await store.transaction({
      if: [lock.condition],
      then: [{ type: 'put', key: 'data/locked', value }],
    });
    if (!committed) throw new KvError('KV_SESSION_LOST', 'the lock was lost', { outcome: 'not-applied' });
  }

  async #count(name: Counter, add: () => Promise<unknown>): Promise<void> {
    const tally = this.#tallies[name];
    try {
      await add();
      tally.acknowledged++;
    } catch (error) {
      this.#expectOutage(error);
      if (error.outcome === 'unknown') tally.unknown++;
      else tally.refused++;
    }
  }

  /** What a server that dies may do to a call. Everything else ends the run. */
  #expectOutage(error: unknown): asserts error is KvError {
    if (this.#over.signal.aborted && error === this.#over.signal.reason) return;
    const codes = ['KV_UNAVAILABLE', 'KV_TIMEOUT', 'KV_SESSION_LOST', 'KV_KEY_MODIFIED'] as const;
    if (!codes.some((code) => KvError.is(error, code))) throw error;
  }

  /** @param finalState What has to be its last state, once nothing is written any more. */
  #watch(finalState: Promise<ReadonlyMap<string, number>>): Promise<void> {
    return this.#client(async (store) => {
      const ended = new AbortController();
      let current: ReadonlyMap<string, number> = new Map();
      const watching = (async () => {
        const highest = new Map<string, number>();
        for await (const { pairs, changes } of store.watchTree('data', { signal: ended.signal })) {
          this.#counts.watchSteps++;
          this.#counts.changesSeen += changes.length;
          for (const change of changes) {
            if (change.type === 'delete') continue;
            const { key, value } = change.pair;
            assert(value >= (highest.get(key) ?? 0), `${key} went backwards`);
            highest.set(key, value);
          }
          current = new Map([...pairs.values()].map(({ key, value }) => [key, value]));
        }
      })();
      try {
        const expected = await Promise.race([finalState, watching]);
        assert(expected !== undefined, 'the watch ended');
        await poll('the watcher has the last state', async () => {
          assert.deepEqual([...current].sort(), [...expected].sort());
          return true;
        });
      } finally {
        ended.abort();
        await watching;
      }
    });
  }

  async #killServers(): Promise<void> {
    const { servers, leader } = this.#deployment;
    const { signal } = this.#over;
    for (;;) {
      await sleep(this.#killEvery * 1_000, undefined, { signal }).catch(() => {});
      if (signal.aborted) return;
      const any = servers[Math.floor(Math.random() * servers.length)];
      const server = this.#counts.kills++ % 2 === 0 ? await leader() : any;
      await server?.kill();
      await sleep(absence);
      await server?.start();
      const tallies = JSON.stringify({ ...this.#tallies, ...this.#counts, ...this.#memory.at(-1) });
      process.stdout.write(`${Math.round(performance.now() / 1_000)} s, ${server?.name} killed: ${tallies}\n`);
    }
  }

  async #measureMemory(): Promise<void> {
    const { signal } = this.#over;
    while (!signal.aborted) {
      await sleep(Math.min(10_000, this.#seconds * 50), undefined, { signal }).catch(() => {});
      globalThis.gc?.();
      const { heapUsed, rss } = process.memoryUsage();
      this.#memory.push({ heap: Math.round(heapUsed / 2 ** 20), resident: Math.round(rss / 2 ** 20) });
    }
  }

  /** The last third of the run against the second: the first one warms up. */
  #checkMemory(): void {
    const third = Math.floor(this.#memory.length / 3);
    const [before, after] = [this.#memory.slice(third, 2 * third), this.#memory.slice(2 * third)].map((part) =>
      Math.min(...part.map(({ heap }) => heap)),
    ) as [number, number];
    assert(after <= before * 1.2 + 4, `the heap grew from ${before} to ${after} MiB`);
  }
}

function checkTally(name: string, value: number, { acknowledged, unknown }: Tally): void {
  assert(value >= acknowledged, `${name}: ${acknowledged - value} acknowledged additions are lost`);
  assert(value <= acknowledged + unknown, `${name}: an addition that was refused was done, or one was done twice`);
}
