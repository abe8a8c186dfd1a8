import { compareKeys, KvError, prefixOf, type StoredChange, type StoredCondition, type StoredPair } from '@kv/core';

/** One thing that a commit does. All of it is JSON; values are in base64. */
export type Operation =
  | { readonly type: 'put'; readonly key: string; readonly value: string; readonly session?: string }
  | { readonly type: 'delete'; readonly key: string }
  /** Opens a session, or renews it: it is over `ttl` after `renewed`, in milliseconds of the machine's monotonic clock. */
  | { readonly type: 'session'; readonly id: string; readonly ttl: number; readonly renewed: number }
  | { readonly type: 'end'; readonly id: string }
  /** The last commit of an epoch (see log.ts). */
  | { readonly type: 'turn' };

interface Entry {
  readonly pair: StoredPair;
  readonly session: string | undefined;
}

interface SavedState {
  readonly commits: number;
  readonly pairs: readonly (readonly [
    key: string,
    value: string,
    revision: string,
    created: string,
    session?: string,
  ])[];
  readonly sessions: readonly (readonly [id: string, ttl: number, renewed: number])[];
}

/** What all commits so far have made: every client that has read the same commits has the same. */
export class State {
  #commits = 0;
  readonly #entries = new Map<string, Entry>();
  readonly #sessions = new Map<string, { readonly ttl: number; readonly renewed: number }>();

  get(key: string): StoredPair | undefined {
    const pair = this.#entries.get(key)?.pair;
    // Readers may write into what they get.
    return pair && { ...pair, value: new Uint8Array(pair.value) };
  }

  /** The keys below a directory that come after `after`, in the order of their bytes. */
  keys(directory: string, after = ''): string[] {
    const prefix = prefixOf(directory);
    const below = [...this.#entries.keys()].filter((key) => key.startsWith(prefix) && compareKeys(key, after) > 0);
    return below.sort(compareKeys);
  }

  holds(condition: StoredCondition): boolean {
    const revision = this.#entries.get(condition.key)?.pair.revision;
    return 'revision' in condition ? revision === condition.revision : condition.exists === (revision !== undefined);
  }

  /** @throws {KvError} `KV_SESSION_LOST` if the session has ended. */
  checkSession(id: string): void {
    if (!this.#sessions.has(id)) {
      throw new KvError('KV_SESSION_LOST', 'the session has ended', { outcome: 'not-applied' });
    }
  }

  /** The sessions that nobody has renewed in time. After a reboot the clock starts anew, and all are. */
  overdue(now: number): string[] {
    const sessions = [...this.#sessions].filter(([, { ttl, renewed }]) => now < renewed || now >= renewed + ttl);
    return sessions.map(([id]) => id);
  }

  /** Applies the next commit. @returns What changed, in order. */
  apply(operations: readonly Operation[]): StoredChange[] {
    this.#commits++;
    return operations.flatMap((operation) => {
      if (operation.type === 'put') return [this.#put(operation)];
      if (operation.type === 'delete') return this.#delete(operation.key);
      if (operation.type === 'session') this.#sessions.set(operation.id, operation);
      if (operation.type === 'end') return this.#end(operation.id);
      return [];
    });
  }

  #put({ key, value, session }: Extract<Operation, { type: 'put' }>): StoredChange {
    const pair: StoredPair = {
      key,
      value: bytesOf(value),
      revision: String(this.#commits),
      createRevision: this.#entries.get(key)?.pair.createRevision ?? BigInt(this.#commits),
    };
    this.#entries.set(key, { pair, session });
    return { key, pair };
  }

  #delete(key: string): StoredChange[] {
    return this.#entries.delete(key) ? [{ key }] : [];
  }

  #end(id: string): StoredChange[] {
    this.#sessions.delete(id);
    const bound = [...this.#entries].filter(([, { session }]) => session === id);
    return bound.flatMap(([key]) => this.#delete(key));
  }

  /** To try in it what is not committed yet. */
  copy(): State {
    const copy = new State();
    copy.#commits = this.#commits;
    for (const [key, entry] of this.#entries) copy.#entries.set(key, entry);
    for (const [id, session] of this.#sessions) copy.#sessions.set(id, session);
    return copy;
  }

  save(): SavedState {
    return {
      commits: this.#commits,
      pairs: [...this.#entries].map(([key, { pair, session }]) => {
        const saved = [key, base64(pair.value), pair.revision, String(pair.createRevision)] as const;
        return session === undefined ? saved : [...saved, session];
      }),
      sessions: [...this.#sessions].map(([id, { ttl, renewed }]) => [id, ttl, renewed]),
    };
  }

  static load({ commits, pairs, sessions }: SavedState): State {
    const state = new State();
    state.#commits = commits;
    for (const [key, value, revision, created, session] of pairs) {
      const pair = { key, value: bytesOf(value), revision, createRevision: BigInt(created) };
      state.#entries.set(key, { pair, session });
    }
    for (const [id, ttl, renewed] of sessions) state.#sessions.set(id, { ttl, renewed });
    return state;
  }
}

export function base64(value: Uint8Array): string {
  return Buffer.from(value).toString('base64');
}

function bytesOf(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, 'base64'));
}
