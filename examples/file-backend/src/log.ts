import { randomUUID } from 'node:crypto';
import { access, link, mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { KvError, type StoredChange } from '@kv/core';
import { codeOf, failure } from './errors.ts';
import { type Operation, State } from './state.ts';

/** An epoch is over after so many commits, about. Each is a file, and who opens the log reads all of its newest epoch. */
const epochLength = 100;

export interface Follower {
  changed(changes: readonly StoredChange[]): void;
  /** The changes up to now cannot be told any more. */
  jumped(): void;
}

/** What one file of the log holds: the operations of each commit. */
type Commits = readonly (readonly Operation[])[];

interface Waiting {
  readonly signal: AbortSignal;
  readonly decide: (state: State) => readonly Operation[];
  readonly succeed: (state: State) => void;
  readonly fail: (error: unknown) => void;
}

/**
 * A log of commits in a directory, shared by any number of processes:
 *
 *     7/state.json   the state at the beginning of epoch 7
 *     7/1.json …     its commits, those that waited at the same time in one file
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
  readonly #waiting: Waiting[] = [];
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
    return new Promise((resolve, reject) => {
      this.#waiting.push({ signal, decide, succeed: (state) => resolve(result(state)), fail: reject });
      // One sync of the disk for all that wait by then.
      if (this.#waiting.length === 1) void this.#inTurn(() => this.#commitWaiting());
    });
  }

  /** Begins the next epoch now. */
  turn(): Promise<void> {
    return this.#inTurn(async () => {
      do await this.#catchUp();
      while (!(await this.#append([[{ type: 'turn' }]])));
    });
  }

  async #commitWaiting(): Promise<void> {
    const waiting = this.#waiting.splice(0);
    try {
      for (;;) {
        await this.#catchUp();
        const settled = decideAll(waiting, this.state.copy());
        const commits = settled.map(({ operations }) => operations);
        if (commits.every(({ length }) => length === 0)) {
          for (const { settle } of settled) settle(this.state);
          return;
        }
        if (await this.#append(commits, (index) => settled[index]?.settle(this.state))) return;
      }
    } catch (error) {
      for (const { fail } of waiting) fail(failure(error, 'not-applied'));
    }
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
      if (overdue.length > 0) await this.#append([overdue.map((id) => ({ type: 'end', id }))]);
      else if (this.#read >= epochLength) await this.#append([[{ type: 'turn' }]]);
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
  async #append(commits: Commits, applied?: (index: number) => void): Promise<boolean> {
    const draft = join(this.#directory, `draft-${randomUUID()}`);
    await writeDurably(draft, JSON.stringify(commits));
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
      await this.#apply(commits, applied);
    } catch (error) {
      throw failure(error, 'unknown');
    }
    return true;
  }

  async #apply(commits: Commits, applied: (index: number) => void = () => {}): Promise<void> {
    this.#read++;
    for (const [index, operations] of commits.entries()) {
      const changes = this.state.apply(operations);
      if (changes.length > 0) for (const follower of [...this.#followers]) follower.changed(changes);
      applied(index);
    }
    if (commits.flat().some(({ type }) => type === 'turn')) await this.#nextEpoch();
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

/** Each sees what those before it will have done. Nobody is told before all of it is on the disk, not even of a failure. */
function decideAll(waiting: readonly Waiting[], state: State) {
  return waiting.map(({ signal, decide, succeed, fail }) => {
    let operations: readonly Operation[] = [];
    let settle = succeed;
    try {
      signal.throwIfAborted();
      operations = decide(state);
    } catch (error) {
      settle = () => fail(failure(error, 'not-applied'));
    }
    state.apply(operations);
    return { operations, settle };
  });
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
