import { randomUUID } from 'node:crypto';
import { access, link, mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { KvError, type StoredChange } from '@kv/core';
import { codeOf, failure } from './errors.ts';
import { type Operation, State } from './state.ts';

/** An epoch is over after so many commits, about. */
const epochLength = 1_000;

export interface Follower {
  changed(changes: readonly StoredChange[]): void;
  /** The changes up to now cannot be told any more. */
  jumped(): void;
}

/**
 * A log of commits in a directory, shared by any number of processes:
 *
 *     7/state.json   the state at the beginning of epoch 7
 *     7/1.json …     its commits
 *
 * Only one process can create a file of a given name, and it can do so only once it has read all before: that is what makes
 * commits linearizable. An epoch ends with a commit that says so; then the next one begins, and the one before it goes.
 */
export class Log {
  state = new State();
  readonly #directory: string;
  #epoch = 0;
  #read = 0;
  /** What runs now and what waits, one after the other. */
  #queue: Promise<unknown> = Promise.resolve();
  #nextSync: Promise<void> | undefined;
  readonly #followers = new Set<Follower>();

  private constructor(directory: string) {
    this.#directory = directory;
  }

  static async open(directory: string): Promise<Log> {
    const log = new Log(directory);
    try {
      if ((await log.#newestEpoch()) === undefined) await log.#createEpoch(0);
      await log.#enter();
    } catch (error) {
      throw failure(error, 'not-applied');
    }
    return log;
  }

  follow(follower: Follower): () => void {
    this.#followers.add(follower);
    return () => this.#followers.delete(follower);
  }

  /** Resolves when `state` has all that was committed before this call. */
  sync(): Promise<void> {
    this.#nextSync ??= this.#inTurn(async () => {
      this.#nextSync = undefined;
      await this.#catchUp();
    });
    return this.#nextSync;
  }

  /**
   * Appends a commit.
   *
   * @param decide Looks at the state right before the commit, and says what to do: nothing, if the list is empty. Called
   *   again when another process was first.
   * @param result Looks at the state right after the commit.
   */
  commit<Result>(
    signal: AbortSignal,
    decide: (state: State) => readonly Operation[],
    result: (state: State) => Result,
  ): Promise<Result> {
    return this.#inTurn(async () => {
      for (;;) {
        signal.throwIfAborted();
        await this.#catchUp();
        const operations = decide(this.state);
        if (operations.length === 0 || (await this.#append(operations))) return result(this.state);
      }
    });
  }

  /** Begins the next epoch now. */
  turn(): Promise<void> {
    return this.#inTurn(async () => {
      do await this.#catchUp();
      while (!(await this.#append([{ type: 'turn' }])));
    });
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#queue.then(work).catch((error) => {
      throw failure(error, 'not-applied');
    });
    this.#queue = turn.catch(() => {});
    return turn;
  }

  /** Reads what others have committed, and ends the sessions that nobody renews. */
  async #catchUp(): Promise<void> {
    for (;;) {
      await this.#readAll();
      const overdue = this.state.overdue(now());
      if (overdue.length > 0) await this.#append(overdue.map((id) => ({ type: 'end', id })));
      else if (this.#read >= epochLength) await this.#append([{ type: 'turn' }]);
      else return;
    }
  }

  async #readAll(): Promise<void> {
    for (;;) {
      const text = await contents(this.#commitFile(this.#read + 1));
      if (text !== undefined) await this.#apply(JSON.parse(text));
      else if (await exists(this.#epochFolder(this.#epoch))) return;
      else await this.#enter();
    }
  }

  /** @returns False if another process was first. */
  async #append(operations: readonly Operation[]): Promise<boolean> {
    const draft = join(this.#directory, `draft-${randomUUID()}`);
    await writeDurably(draft, JSON.stringify(operations));
    try {
      // Complete or not there at all, and never over another one; nor in an epoch that has gone.
      await link(draft, this.#commitFile(this.#read + 1));
    } catch (error) {
      if (codeOf(error) === 'EEXIST' || codeOf(error) === 'ENOENT') return false;
      throw error;
    } finally {
      await rm(draft, { force: true });
    }
    try {
      await syncFolder(this.#epochFolder(this.#epoch));
      await this.#apply(operations);
    } catch (error) {
      throw failure(error, 'unknown');
    }
    return true;
  }

  async #apply(operations: readonly Operation[]): Promise<void> {
    this.#read++;
    const changes = this.state.apply(operations);
    if (changes.length > 0) for (const follower of [...this.#followers]) follower.changed(changes);
    if (operations.some(({ type }) => type === 'turn')) await this.#nextEpoch();
  }

  /** Goes on in the next epoch. Every process that gets here has the same state, so it does not matter who is first. */
  async #nextEpoch(): Promise<void> {
    await this.#createEpoch(this.#epoch + 1);
    if ((await this.#newestEpoch()) !== this.#epoch + 1) return this.#enter();
    this.#epoch++;
    this.#read = 0;
    await this.#removeEpoch(this.#epoch - 2);
  }

  async #createEpoch(epoch: number): Promise<void> {
    const draft = join(this.#directory, `draft-${randomUUID()}`);
    await mkdir(draft, { recursive: true });
    await writeDurably(join(draft, 'state.json'), JSON.stringify(this.state.save()));
    await syncFolder(draft);
    try {
      await rename(draft, this.#epochFolder(epoch));
      await syncFolder(this.#directory);
    } catch (error) {
      await rm(draft, { recursive: true });
      if (codeOf(error) !== 'ENOTEMPTY' && codeOf(error) !== 'EEXIST') throw error;
    }
  }

  /** In one step first: a commit that a frozen process is about to make must not find room in a half-removed epoch. */
  async #removeEpoch(epoch: number): Promise<void> {
    const waste = join(this.#directory, `draft-${randomUUID()}`);
    try {
      await rename(this.#epochFolder(epoch), waste);
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return;
      throw error;
    }
    await rm(waste, { recursive: true });
  }

  /** Starts over with the state of the newest epoch. */
  async #enter(): Promise<void> {
    for (;;) {
      const epoch = await this.#newestEpoch();
      if (epoch === undefined) throw new KvError('KV_INTERNAL', 'somebody has emptied the directory');
      const text = await contents(join(this.#epochFolder(epoch), 'state.json'));
      if (text === undefined) continue;
      this.state = State.load(JSON.parse(text));
      this.#epoch = epoch;
      this.#read = 0;
      for (const follower of [...this.#followers]) follower.jumped();
      return;
    }
  }

  async #newestEpoch(): Promise<number | undefined> {
    const names = (await readdir(this.#directory)).filter((name) => /^\d+$/.test(name));
    return names.length === 0 ? undefined : Math.max(...names.map(Number));
  }

  #epochFolder(epoch: number): string {
    return join(this.#directory, String(epoch));
  }

  #commitFile(number: number): string {
    return join(this.#epochFolder(this.#epoch), `${number}.json`);
  }
}

/** Milliseconds since the machine was started: the same for all its processes, and nobody can set it. */
export function now(): number {
  return Number(process.hrtime.bigint() / 1_000_000n);
}

async function contents(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

async function writeDurably(path: string, text: string): Promise<void> {
  const file = await open(path, 'wx');
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path);
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
