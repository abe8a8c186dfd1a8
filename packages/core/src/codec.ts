import type { StandardSchema } from './standard-schema.ts';

/**
 * Between the values of a program and the bytes of the store. Both functions are synchronous and throw where they cannot:
 * the store turns that into `KV_INVALID_ARGUMENT` (encode) or `KV_DECODE_FAILED` (decode).
 */
export interface Codec<Out, In = Out> {
  /** @returns Bytes that nobody modifies afterwards. */
  encode(value: In): Uint8Array;
  /** Must not modify `bytes`. */
  decode(bytes: Uint8Array): Out;
}

// One of each is enough: without `stream` they keep nothing between two calls.
const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The default: a `Uint8Array` out, a `Uint8Array` or a string (as UTF-8) in. */
export function bytes(): Codec<Uint8Array, Uint8Array | string> {
  return bytesCodec;
}

/** Strings, as UTF-8. Bytes that are not UTF-8 are not decoded. */
export function text(): Codec<string> {
  return textCodec;
}

/**
 * JSON. With a schema, decoded values are validated, and typed by it; without one, `T` is taken on trust.
 *
 * @param schema Any Standard Schema validator that answers synchronously.
 */
export function json<T = unknown>(schema?: StandardSchema<T>): Codec<T> {
  return {
    encode(value) {
      const encoded = JSON.stringify(value);
      if (encoded === undefined) throw new TypeError(`JSON has no form for a value of type ${typeof value}`);
      return encoder.encode(encoded);
    },
    decode(bytes) {
      const value: unknown = JSON.parse(decoder.decode(bytes));
      return schema === undefined ? (value as T) : validate(schema, value);
    },
  };
}

const bytesCodec: Codec<Uint8Array, Uint8Array | string> = {
  encode(value) {
    if (typeof value === 'string') return encoder.encode(value);
    // A copy: the write may be sent after the caller has changed the array.
    if (value instanceof Uint8Array) return new Uint8Array(value);
    throw new TypeError(`a value must be a string or a Uint8Array, not ${value === null ? 'null' : typeof value}`);
  },
  // A Buffer behaves differently (toString, slice, JSON): which class comes back must not depend on the backend.
  decode: (bytes) =>
    bytes.constructor === Uint8Array ? bytes : new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength),
};

const textCodec: Codec<string> = {
  encode(value) {
    if (typeof value !== 'string') throw new TypeError(`a value must be a string, not ${typeof value}`);
    return encoder.encode(value);
  },
  decode: (bytes) => decoder.decode(bytes),
};

function validate<T>(schema: StandardSchema<T>, value: unknown): T {
  const result = schema['~standard'].validate(value);
  if (result instanceof Promise) {
    result.catch(() => {});
    throw new TypeError('the schema answers asynchronously, which a codec cannot wait for');
  }
  if (result.issues === undefined) return result.value;
  // Validators quote the value in their messages; only the places are safe to tell.
  const places = result.issues.map(({ path }) => (path ?? []).map(segmentName).join('.') || 'the value itself');
  throw new TypeError(`does not match the schema at ${places.join(', ')}`);
}

function segmentName(segment: PropertyKey | { readonly key: PropertyKey }): string {
  return String(typeof segment === 'object' ? segment.key : segment);
}
