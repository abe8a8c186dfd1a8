import { KvError } from '@kv/core';
import type { ConsulPair, ReadMode, Verb } from './consul-client.ts';
import { onStatus, permissionDenied } from './errors.ts';
import type { Servers } from './servers.ts';

/** How many verbs `/v1/txn` takes. */
export const mostVerbs = 64;

/** Why a transaction was not applied: what the first verb that failed said. */
export interface Refusal {
  /** Its place among the verbs. */
  readonly at: number;
  readonly reason: 'missing' | 'held' | 'lock-delay' | 'session-lost' | 'other';
  /** The places of all verbs that failed. */
  readonly all: readonly number[];
}

export type TxnAnswer = { readonly pairs: readonly ConsulPair[] } | { readonly refusal: Refusal };

/** Sends `/v1/txn`. One of `get` and `check-…` verbs alone is a read, with a mode; it never goes through the log. */
export function sendTxn(
  servers: Servers,
  signal: AbortSignal,
  verbs: readonly Verb[],
  mode: ReadMode = {},
): Promise<TxnAnswer> {
  return servers.request(signal, (client, ctx) =>
    client.transaction.create(verbs, { ctx, ...mode }).then(
      ({ Results }): TxnAnswer => ({ pairs: (Results ?? []).map(({ KV }) => KV) }),
      onStatus(409, (body): TxnAnswer => ({ refusal: refusalOf(body) })),
    ),
  );
}

interface TxnErrors {
  readonly Errors: readonly { readonly OpIndex: number; readonly What: string }[];
}

function refusalOf(body: unknown): Refusal {
  const errors = [...(body as TxnErrors).Errors].sort((a, b) => a.OpIndex - b.OpIndex);
  const [first] = errors;
  if (first === undefined) throw new KvError('KV_INTERNAL', 'the server refused a transaction without a reason');
  if (errors.some(({ What }) => What.includes('Permission denied'))) {
    throw permissionDenied();
  }
  return { at: first.OpIndex, reason: reasonOf(first.What), all: errors.map(({ OpIndex }) => OpIndex) };
}

function reasonOf(what: string): Refusal['reason'] {
  if (what.includes("doesn't exist")) return 'missing';
  if (what.startsWith('invalid session')) return 'session-lost';
  if (what.includes('lock delay')) return 'lock-delay';
  if (what.includes('already held') || what.includes("lock isn't held")) return 'held';
  return 'other';
}
