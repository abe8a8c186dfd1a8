import { type Codec, json, KvError, type StandardSchema } from '@kv/core';

/** One running copy of a service. */
export interface Instance<Metadata = unknown> {
  /** Unique within the service; one segment of a key. */
  readonly id: string;
  readonly address: string;
  readonly port: number;
  readonly metadata: Metadata;
}

/** What is stored of an instance; its `id` is in the key. */
export type StoredInstance<Metadata> = Omit<Instance<Metadata>, 'id'>;

/** JSON, checked when it is read. */
export function instanceCodec<Metadata>(schema: StandardSchema<Metadata> | undefined): Codec<StoredInstance<Metadata>> {
  const plain = json<Partial<StoredInstance<Metadata>> | null>();
  const metadata = json<Metadata>(schema);
  return {
    encode: (instance) => plain.encode(instance),
    decode(bytes) {
      const found = plain.decode(bytes);
      const { address, port } = found ?? {};
      if (typeof address !== 'string' || address === '') throw new TypeError('`address` is not a text');
      if (!isPort(port)) throw new TypeError('`port` is not a number from 0 to 65535');
      // `json` validates what it decodes.
      return { address, port, metadata: metadata.decode(metadata.encode(found?.metadata ?? (null as Metadata))) };
    },
  };
}

/** Reads what is no instance as `undefined`: others may write below the same directory, and one bad value must hide no other. */
export function tolerant<Metadata>(
  strict: Codec<StoredInstance<Metadata>>,
): Codec<StoredInstance<Metadata> | undefined, never> {
  return {
    encode: strict.encode,
    decode(bytes) {
      try {
        return strict.decode(bytes);
      } catch {
        return undefined;
      }
    },
  };
}

/** @throws {KvError} `KV_INVALID_ARGUMENT`, `KV_VALUE_TOO_LARGE`: what a store with this codec would refuse to write. */
export function checkStorable<Metadata>(
  codec: Codec<StoredInstance<Metadata>>,
  instance: StoredInstance<Metadata>,
  maxValueBytes: number,
): void {
  let size: number;
  try {
    const bytes = codec.encode(instance);
    codec.decode(bytes);
    size = bytes.byteLength;
  } catch (cause) {
    throw new KvError('KV_INVALID_ARGUMENT', 'this is no instance', { outcome: 'not-applied', cause });
  }
  if (size <= maxValueBytes) return;
  throw new KvError('KV_VALUE_TOO_LARGE', `the instance has ${size} bytes, and the limit is ${maxValueBytes}`, {
    outcome: 'not-applied',
  });
}

/** @throws {KvError} `KV_INVALID_ARGUMENT`. */
export function checkSegment(what: string, name: string): string {
  if (typeof name === 'string' && name !== '' && !name.includes('/')) return name;
  throw new KvError('KV_INVALID_ARGUMENT', `${what} must be one segment of a key, not ${JSON.stringify(name)}`, {
    outcome: 'not-applied',
  });
}

function isPort(port: unknown): port is number {
  return typeof port === 'number' && Number.isInteger(port) && port >= 0 && port <= 65_535;
}
