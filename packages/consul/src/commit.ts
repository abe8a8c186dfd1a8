import { KvError, type StoredCondition, type StoredPair } from '@kv/core';
import type { ConsulPair, Verb } from './consul-client.ts';
import { afterApplied, sessionLost } from './errors.ts';
import type { Keys } from './keys.ts';
import { base64Of, parseRevision, withValue } from './pair.ts';
import { readPair } from './read.ts';
import type { Servers } from './servers.ts';
import { type Refusal, sendTxn } from './txn.ts';

/** An operation whose lifetime is the session that is to hold the key, or none. */
export type Write =
  | { readonly type: 'put'; readonly key: string; readonly value: Uint8Array; readonly session: string | undefined }
  | { readonly type: 'delete'; readonly key: string };

export type Commit =
  | {
      readonly committed: true;
      readonly pairs: readonly (StoredPair | undefined)[];
      /** Sessions that held one of the keys before, and do not any more. */
      readonly released: readonly string[];
    }
  | { readonly committed: false /** Of the condition that failed. */; readonly missing: boolean };

interface Step {
  readonly verb: Verb;
  /** The key, of a write; a condition has none. */
  readonly writes?: string;
}

/** Conditions and operations as one transaction of Consul. */
export class Committer {
  readonly #servers: Servers;
  readonly #keys: Keys;

  constructor(servers: Servers, keys: Keys) {
    this.#servers = servers;
    this.#keys = keys;
  }

  async commit(conditions: readonly StoredCondition[], writes: readonly Write[], signal: AbortSignal): Promise<Commit> {
    const holders = holdersIn(conditions);
    for (;;) {
      const steps = [
        ...conditions.map((condition) => this.#condition(condition)),
        ...writes.flatMap((write) => this.#write(write, holders)),
      ];
      const verbs = steps.map(({ verb }) => verb);
      const answer = await sendTxn(this.#servers, signal, verbs);
      if ('pairs' in answer) return this.#committed(writes, answer.pairs, holders, signal);
      const { writes: key } = steps[answer.refusal.at] as Step;
      if (key === undefined) return { committed: false, missing: answer.refusal.reason === 'missing' };
      if (answer.refusal.reason !== 'held') throw refused(answer.refusal);
      // Another session holds the key than the one that was known: take it from that one.
      holders.set(key, await this.#holder(key, signal));
    }
  }

  #condition(condition: StoredCondition): Step {
    const Key = this.#keys.toServer(condition.key);
    if ('revision' in condition) {
      return { verb: { KV: { Verb: 'check-index', Key, Index: parseRevision(condition.revision).index } } };
    }
    return { verb: { KV: { Verb: condition.exists ? 'get' : 'check-not-exists', Key } } };
  }

  #write(write: Write, holders: Holders): Step[] {
    const { key } = write;
    const Key = this.#keys.toServer(key);
    if (write.type === 'delete') return [{ verb: { KV: { Verb: 'delete', Key } }, writes: key }];
    const Value = base64Of(write.value);
    const { session } = write;
    const holder = holders.get(key);
    if (session === undefined) {
      // A plain `set` leaves the key to the session that holds it; `unlock` sets the value and makes it permanent.
      const put = holder === undefined ? { Verb: 'set' as const } : { Verb: 'unlock' as const, Session: holder };
      return [{ verb: { KV: { ...put, Key, Value } }, writes: key }];
    }
    const lock: Step = { verb: { KV: { Verb: 'lock', Key, Value, Session: session } }, writes: key };
    if (holder === undefined || holder === session) return [lock];
    return [{ verb: { KV: { Verb: 'unlock', Key, Value: '', Session: holder } }, writes: key }, lock];
  }

  async #committed(
    writes: readonly Write[],
    answered: readonly ConsulPair[],
    holders: Holders,
    signal: AbortSignal,
  ): Promise<Commit> {
    // Checks answer with the pair too, before the write of the same key.
    const byName = new Map(answered.map((pair) => [pair.Key, pair]));
    const released: string[] = [];
    const pairs = await Promise.all(
      writes.map(async (write) => {
        const pair = byName.get(this.#keys.toServer(write.key));
        const before = holders.get(write.key) ?? (write.type === 'delete' ? pair?.Session : undefined);
        if (before !== undefined && !(write.type === 'put' && write.session === before)) released.push(before);
        if (write.type === 'delete') return undefined;
        if (pair === undefined) throw new KvError('KV_INTERNAL', 'the answer lacks a pair', { outcome: 'unknown' });
        if (write.session !== undefined || pair.Session === undefined) return withValue(pair, write.value, this.#keys);
        released.push(pair.Session);
        return withValue(await this.#makePermanent(pair, write.value, signal), write.value, this.#keys);
      }),
    );
    return { committed: true, pairs, released };
  }

  /** Takes a pair that was just put from the session that, as only the answer told, holds its key. */
  async #makePermanent(put: ConsulPair, value: Uint8Array, signal: AbortSignal): Promise<ConsulPair> {
    const { Key, ModifyIndex, Session } = put;
    const Value = base64Of(value);
    const guard: Verb = { KV: { Verb: 'check-index', Key, Index: ModifyIndex } };
    const absent: Verb = { KV: { Verb: 'check-not-exists', Key } };
    try {
      let answer = await sendTxn(this.#servers, signal, [
        guard,
        { KV: { Verb: 'unlock', Key, Value, Session: Session as string } },
      ]);
      // The session has just ended, and what was put went with it.
      if ('refusal' in answer && answer.refusal.reason === 'missing') {
        answer = await sendTxn(this.#servers, signal, [absent, { KV: { Verb: 'set', Key, Value } }]);
      }
      // Refused: a later write has replaced this one, and what becomes of the key is its matter.
      return 'pairs' in answer ? (answer.pairs.at(-1) ?? put) : put;
    } catch (error) {
      throw afterApplied(error);
    }
  }

  async #holder(key: string, signal: AbortSignal): Promise<string | undefined> {
    return (await readPair(this.#servers, this.#keys.toServer(key), { consistent: true }, signal))?.Session;
  }
}

/** The session that holds a key, where that is known. */
type Holders = Map<string, string | undefined>;

/** What revisions tell, which the transaction checks. */
function holdersIn(conditions: readonly StoredCondition[]): Holders {
  const holders: Holders = new Map();
  for (const condition of conditions) {
    if ('revision' in condition) holders.set(condition.key, parseRevision(condition.revision).session);
  }
  return holders;
}

function refused({ reason }: Refusal): KvError {
  if (reason === 'session-lost') return sessionLost('the server does not know the session any more');
  if (reason === 'lock-delay') {
    return new KvError('KV_UNAVAILABLE', 'the key is under the lock-delay of a session that was ended by force', {
      retryable: true,
      outcome: 'not-applied',
    });
  }
  return new KvError('KV_INTERNAL', 'the server refused a transaction for a reason that is not expected', {
    outcome: 'not-applied',
  });
}
