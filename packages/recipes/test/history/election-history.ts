import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { CandidateProcess } from './candidate-process.ts';

export interface HistoryOptions {
  /** Of the store, as the quickstart takes it. */
  readonly url: string;
  /** Of the candidates' sessions in milliseconds, and by how much later one of them is over at the latest. */
  readonly ttl: number;
  readonly latestFactor: number;
  readonly candidates: number;
  readonly terms: number;
  /** Of so many terms, the leader is killed, or frozen until another one leads; in the others it resigns. */
  readonly kills: number;
  readonly freezes: number;
}

export interface HistoryResult {
  readonly terms: number;
  readonly acts: number;
  readonly kills: number;
  readonly freezes: number;
  /** How long nobody led at most, in milliseconds. */
  readonly longestHandOver: { readonly resign: number; readonly fault: number };
}

type End = 'resign' | 'kill' | 'freeze';

interface Act {
  readonly at: bigint;
  readonly term: bigint;
  readonly name: string;
}

/** How long a loaded machine may take beyond what the backend promises, in milliseconds. */
const slack = 5_000;

/**
 * Has candidates in processes of their own lead one after the other while they are killed and frozen. Throws if two act in
 * overlapping times, if terms do not grow, if a hand-over takes longer than it may, or if a leader that was frozen does not learn
 * that it has lost.
 */
export async function electionHistory(options: HistoryOptions): Promise<HistoryResult> {
  const directory = await mkdtemp(join(tmpdir(), 'kv-election-'));
  const history = new ElectionHistory(options, directory);
  try {
    return await history.run();
  } finally {
    await history.end();
    await rm(directory, { recursive: true });
  }
}

class ElectionHistory {
  readonly #options: HistoryOptions;
  readonly #directory: string;
  readonly #candidates: CandidateProcess[] = [];
  /** When each term was ended, on the clock that all processes of the machine share. */
  readonly #ends: { readonly term: bigint; readonly end: End; readonly at: bigint }[] = [];
  #started = 0;

  constructor(options: HistoryOptions, directory: string) {
    this.#options = options;
    this.#directory = directory;
  }

  async run(): Promise<HistoryResult> {
    const { candidates, terms, kills, freezes } = this.#options;
    for (let i = 0; i < candidates; i++) this.#start();
    await this.#until(() => this.#candidates.every((it) => it.has('ready')), 'all candidates are ready');
    const ends = shuffled(
      Array.from({ length: terms }, (_, i): End => (i < kills ? 'kill' : i < kills + freezes ? 'freeze' : 'resign')),
    );
    let lastTerm = -1n;
    let frozen: { readonly candidate: CandidateProcess; readonly term: string } | undefined;
    for (const end of ends) {
      const { leader, term } = await this.#leaderAfter(lastTerm);
      lastTerm = BigInt(term);
      if (frozen !== undefined) await this.#thaw(frozen.candidate, frozen.term);
      frozen = undefined;
      await delay(30 * Math.random());
      this.#ends.push({ term: lastTerm, end, at: process.hrtime.bigint() });
      if (end === 'kill') leader.kill('SIGKILL');
      else leader.ask(end);
      if (end === 'freeze') frozen = { candidate: leader, term };
      if (end === 'kill') {
        this.#candidates.splice(this.#candidates.indexOf(leader), 1);
        this.#start();
      }
    }
    await this.#leaderAfter(lastTerm);
    if (frozen !== undefined) await this.#thaw(frozen.candidate, frozen.term);
    return this.#check(await this.#acts());
  }

  async end(): Promise<void> {
    for (const candidate of this.#candidates) candidate.kill('SIGKILL');
    await Promise.all(this.#candidates.map(({ exited }) => exited));
  }

  #start(): void {
    const name = `candidate-${++this.#started}`;
    const file = join(this.#directory, name);
    this.#candidates.push(new CandidateProcess(this.#options.url, name, this.#options.ttl, file));
  }

  async #leaderAfter(last: bigint): Promise<{ readonly leader: CandidateProcess; readonly term: string }> {
    const within = this.#options.ttl * this.#options.latestFactor + 3 * slack;
    return this.#until(
      () => {
        for (const leader of this.#candidates) {
          const term = leader.reports.findLast(({ event }) => event === 'leads')?.term;
          if (term !== undefined && BigInt(term) > last) return { leader, term };
        }
        return undefined;
      },
      `somebody leads after term ${last}`,
      within,
    );
  }

  async #thaw(candidate: CandidateProcess, term: string): Promise<void> {
    candidate.kill('SIGCONT');
    await this.#until(
      () => candidate.has('lost', term),
      `${candidate.name}, which was frozen, has learnt that it lost`,
    );
  }

  async #until<T>(check: () => T | Promise<T>, what: string, within = 60_000): Promise<NonNullable<Exclude<T, false>>> {
    for (const deadline = performance.now() + within; ; await delay(2)) {
      const found = await check();
      if (found) return found as NonNullable<Exclude<T, false>>;
      for (const candidate of this.#candidates) assert(!candidate.hasFailed, `${candidate.name} has ended by itself`);
      assert(performance.now() < deadline, `${what}: not within ${within} ms`);
    }
  }

  /** Those of all candidates, in the order of time. A line that a kill has cut off is none. */
  async #acts(): Promise<Act[]> {
    const files = await readdir(this.#directory);
    const texts = await Promise.all(files.map((file) => readFile(join(this.#directory, file), 'utf8')));
    return texts
      .flatMap((text) => text.split('\n').slice(0, -1))
      .map((line) => {
        const [at = '', term = '', name = ''] = line.split(' ');
        return { at: BigInt(at), term: BigInt(term), name };
      })
      .sort((a, b) => (a.at < b.at ? -1 : 1));
  }

  #check(acts: readonly Act[]): HistoryResult {
    const { ttl, latestFactor, terms, kills, freezes } = this.#options;
    const leaders = new Map<bigint, string>();
    const firstActs = new Map<bigint, bigint>();
    let last = -1n;
    for (const { at, term, name } of acts) {
      assert(term >= last, `${name} acted in term ${term} after somebody had in term ${last}`);
      assert.equal(leaders.get(term) ?? name, name, `two have led in term ${term}`);
      leaders.set(term, name);
      if (term > last) firstActs.set(term, at);
      last = term;
    }
    const longest = { resign: 0, fault: 0 };
    for (const { term, end, at } of this.#ends) {
      // Else the wait for the one after it would count as the hand-over to it.
      assert(firstActs.has(term), `nobody acted in term ${term}, which was ended (${end})`);
      const [, next] = [...firstActs].find(([later]) => later > term) ?? assert.fail(`nobody acted after term ${term}`);
      const took = Number(next - at) / 1e6;
      const kind = end === 'resign' ? 'resign' : 'fault';
      const allowed = slack + (kind === 'fault' ? ttl * latestFactor : 0);
      assert(took <= allowed, `the hand-over after term ${term} (${end}) took ${took} ms, more than ${allowed}`);
      longest[kind] = Math.max(longest[kind], Math.round(took));
    }
    assert.equal(this.#ends.length, terms);
    return { terms, acts: acts.length, kills, freezes, longestHandOver: longest };
  }
}

function shuffled<T>(items: readonly T[]): T[] {
  return items
    .map((item) => ({ item, rank: Math.random() }))
    .sort((a, b) => a.rank - b.rank)
    .map(({ item }) => item);
}
