import assert from 'node:assert/strict';
import type { KVPair } from '../pair.ts';

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export function bytesOf(text: string): Uint8Array {
  return encoder.encode(text);
}

/** The value of a pair that must exist, as text. */
export function textOf(pair: KVPair | undefined): string {
  assert(pair !== undefined, 'the pair does not exist');
  return decoder.decode(pair.value);
}
