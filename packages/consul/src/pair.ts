import { Buffer } from 'node:buffer';
import { type Consistency, KvError, type StoredPair } from '@kv/core';
import type { ConsulPair, ReadMode } from './consul-client.ts';
import type { Keys } from './keys.ts';

export function readMode(consistency: Consistency): ReadMode {
  return consistency === 'stale' ? { stale: true } : { consistent: true };
}

/**
 * `<ModifyIndex>`, or `<ModifyIndex>@<session>` for a pair that a session holds: a compare-and-set then knows, in one
 * request, whom to take the key from.
 */
export interface Revision {
  readonly index: number;
  readonly session: string | undefined;
}

export function parseRevision(revision: string): Revision {
  const [, index, session] = /^(\d+)(?:@(.+))?$/.exec(revision) ?? [];
  if (index === undefined) {
    throw new KvError('KV_INVALID_ARGUMENT', 'the revision is not one of Consul', { outcome: 'not-applied' });
  }
  return { index: Number(index), session };
}

export function revisionOf({ ModifyIndex, Session }: ConsulPair): string {
  return Session === undefined ? `${ModifyIndex}` : `${ModifyIndex}@${Session}`;
}

/** A pair that was read. */
export function storedPair(pair: ConsulPair, keys: Keys): StoredPair {
  return withValue(pair, bytesOf(pair.Value), keys);
}

/** A pair that was written: the answer does not repeat the value. */
export function withValue(pair: ConsulPair, value: Uint8Array, keys: Keys): StoredPair {
  return {
    key: keys.fromServer(pair.Key),
    value,
    revision: revisionOf(pair),
    createRevision: BigInt(pair.CreateIndex),
  };
}

export function bytesOf(value: ConsulPair['Value']): Uint8Array {
  if (value === null) return new Uint8Array();
  const { buffer, byteOffset, byteLength } = typeof value === 'string' ? Buffer.from(value, 'base64') : value;
  return new Uint8Array(buffer, byteOffset, byteLength);
}

export function base64Of(value: Uint8Array): string {
  return bufferOf(value).toString('base64');
}

export function bufferOf(value: Uint8Array): Buffer {
  return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
}
