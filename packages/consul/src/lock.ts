import {
  type CallContext,
  type DriverHold,
  type DriverLock,
  KvError,
  type LockRequest,
  type StoredPair,
} from '@kv/core';
import type { ConsulPair, Verb } from './consul-client.ts';
import { canceled, sessionLost } from './errors.ts';
import type { Keys } from './keys.ts';
import { base64Of, bytesOf, parseRevision, revisionOf } from './pair.ts';
import { pause } from './pause.ts';
import { readPair } from './read.ts';
import type { Servers } from './servers.ts';
import { sendTxn } from './txn.ts';
import { ConsulWatch } from './watch.ts';

/** What marks a key as a lock for Consul's own programs, too large for a JavaScript number. */
const lockFlags = '3304740253564472344'; // 0x2ddccbc058a50c18

// Since Node.js 21, which the types do not know.
const { rawJSON } = JSON as unknown as { rawJSON(text: string): unknown };

interface Holder {
  readonly index: number;
  readonly session: string | undefined;
}

/**
 * Consul's own protocol: who holds the lock is the session that has acquired `<key>/.lock`, the key that `consul lock <key>` uses,
 * and `api.LockKey("<key>/.lock")` of the official client for Go. Waiters watch it, and try when it is free.
 */
export class ConsulLock implements DriverLock {
  readonly #servers: Servers;
  readonly #keys: Keys;
  readonly #closing = new AbortController();

  constructor(servers: Servers, keys: Keys) {
    this.#servers = servers;
    this.#keys = keys;
  }

  async acquire(
    { key, value, session, wait }: LockRequest,
    { signal, timeout }: { readonly signal: AbortSignal; readonly timeout: number },
  ): Promise<DriverHold | undefined> {
    const entry = entryOf(key);
    // What is expected at the key: nothing, since locks that are released here leave none.
    let seen: Holder | undefined;
    for (let failures = 0; ; failures++) {
      if (signal.aborted) throw canceled();
      try {
        const bounded = AbortSignal.any([signal, AbortSignal.timeout(timeout)]);
        const tried = await this.#try(entry, value, session.id, seen, bounded);
        if (signal.aborted) throw canceled();
        if (typeof tried === 'number') return this.#hold(entry, session.id, tried);
        if (tried === 'delayed' && !wait) return undefined;
        const isFree = (holder: Holder | undefined) => holder?.session === undefined || holder.session === session.id;
        seen = await this.#holderOf(entry, bounded);
        if (!isFree(seen)) {
          if (!wait) return undefined;
          seen = await this.#until(entry, isFree, signal);
          failures = 0;
        }
      } catch (error) {
        if (signal.aborted || !wait || !KvError.is(error) || !error.retryable) throw error;
      }
      await pause(failures, signal);
    }
  }

  async holder(
    key: string,
    { signal }: CallContext,
  ): Promise<{ readonly value: Uint8Array; readonly token: bigint } | undefined> {
    const pair = await this.#read(entryOf(key), signal);
    if (pair?.Session === undefined) return undefined;
    return { value: bytesOf(pair.Value), token: BigInt(pair.ModifyIndex) };
  }

  /** Ends what holds watch. */
  close(): void {
    this.#closing.abort();
  }

  /** @returns The ModifyIndex of the acquisition, or why there is none: the key is not as it was seen, or under a lock-delay. */
  async #try(
    entry: string,
    value: Uint8Array,
    session: string,
    seen: Holder | undefined,
    signal: AbortSignal,
  ): Promise<number | 'changed' | 'delayed'> {
    // An acquisition whose answer was lost.
    if (seen?.session === session) return seen.index;
    const Key = this.#keys.toServer(entry);
    const check: Verb =
      seen === undefined
        ? { KV: { Verb: 'check-not-exists', Key } }
        : { KV: { Verb: 'check-index', Key, Index: seen.index } };
    const lock: Verb = {
      KV: { Verb: 'lock', Key, Value: base64Of(value), Session: session, Flags: rawJSON(lockFlags) },
    };
    const answer = await sendTxn(this.#servers, signal, [check, lock]);
    if ('pairs' in answer) return (answer.pairs.at(-1) as ConsulPair).ModifyIndex;
    const { reason } = answer.refusal;
    if (reason === 'session-lost') throw sessionLost('the session ended while the lock was waited for');
    return reason === 'lock-delay' ? 'delayed' : 'changed';
  }

  #hold(entry: string, session: string, index: number): DriverHold {
    const over = new AbortController();
    const signal = AbortSignal.any([over.signal, this.#closing.signal]);
    return {
      token: BigInt(index),
      condition: { key: entry, revision: `${index}@${session}` },
      lost: this.#until(entry, (holder) => holder?.session !== session, signal).then(
        () => undefined,
        // Released, or a watch that cannot go on, which says nothing about the lock: the session still guards it.
        () => new Promise<never>(() => {}),
      ),
      // The end of the session, which follows, removes the key.
      release: async () => over.abort(),
    };
  }

  /** Watches a key until it is as wanted, however often the connection breaks. */
  async #until(
    entry: string,
    wanted: (holder: Holder | undefined) => boolean,
    signal: AbortSignal,
  ): Promise<Holder | undefined> {
    for (let failures = 0; ; failures++) {
      const found = Promise.withResolvers<Holder | undefined>();
      const done = new AbortController();
      const snapshot = ([pair]: readonly StoredPair[]) => {
        failures = 0;
        const holder = pair && parseRevision(pair.revision);
        if (wanted(holder)) found.resolve(holder);
      };
      const watch = new ConsulWatch(
        this.#servers,
        this.#keys,
        { key: entry },
        { snapshot, changes: () => {}, interrupted: () => {} },
        AbortSignal.any([signal, done.signal]),
      );
      try {
        // It ends without an error only when it was aborted.
        return await Promise.race([found.promise, watch.ended.then(() => Promise.reject(canceled()))]);
      } catch (error) {
        if (signal.aborted || !KvError.is(error) || !error.retryable) throw error;
      } finally {
        done.abort();
      }
      await pause(failures, signal);
    }
  }

  async #holderOf(entry: string, signal: AbortSignal): Promise<Holder | undefined> {
    const pair = await this.#read(entry, signal);
    if (pair === undefined) return undefined;
    if (pair.Flags !== Number(lockFlags)) {
      throw new KvError('KV_INVALID_ARGUMENT', `${JSON.stringify(entry)} is in use for something that is not a lock`, {
        outcome: 'not-applied',
      });
    }
    return parseRevision(revisionOf(pair));
  }

  #read(entry: string, signal: AbortSignal): Promise<ConsulPair | undefined> {
    return readPair(this.#servers, this.#keys.toServer(entry), { consistent: true }, signal);
  }
}

function entryOf(key: string): string {
  return `${key}/.lock`;
}
