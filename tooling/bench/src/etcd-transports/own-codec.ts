import type { Client } from '../client.ts';
import { GrpcConnection } from './grpc-connection.ts';
import { type Message, Reader } from './protobuf.ts';

/**
 * What `@kv/etcd` would stand on with a codec of its own in place of etcd3 and gRPC: a prototype, to find out whether that pays. The
 * requests are those of the store. It has no failover, login, cancellation or mapping of errors.
 */
export async function openThroughOwnCodec(place: string): Promise<Client> {
  const connection = await GrpcConnection.open(place);
  const range = (message: Message) => connection.call('/etcdserverpb.KV/Range', message).then(pairsOf);
  const transact = async (message: Message) => {
    const { succeeded, revision } = outcomeOf(await connection.call('/etcdserverpb.KV/Txn', message));
    if (!succeeded) throw new Error('an update was lost');
    return revision;
  };
  return {
    get: (key) => range([[1, bytes(key)]]),
    put: (key, value) => transact(put(bytes(key), value)),
    atomicPut: (key, value, previous) =>
      transact([
        [
          1,
          [
            [2, modRevision],
            [3, bytes(key)],
            [6, previous as bigint],
          ],
        ],
        ...put(bytes(key), value),
        [3, [[1, keyOnly(bytes(key))]]],
      ]),
    delete: (key) => connection.call('/etcdserverpb.KV/DeleteRange', [[1, bytes(key)]]),
    list: (directory) =>
      range([
        [1, bytes(`${directory}/`)],
        [2, bytes(`${directory}0`)],
      ]),
    close: () => connection.close(),
  };
}

/** Of `Compare.target`; `Compare.result` is EQUAL by default. */
const modRevision = 2;

const bytes = (key: string) => Buffer.from(`own/${key}`);

const keyOnly = (key: Buffer): Message => [
  [1, key],
  [8, 1],
];

/** The operations of a transaction that succeeds: a put, and when the key was created. */
const put = (key: Buffer, value: Buffer): Message => [
  [
    2,
    [
      [
        2,
        [
          [1, key],
          [2, value],
        ],
      ],
    ],
  ],
  [2, [[1, keyOnly(key)]]],
];

interface Pair {
  key: string;
  value: Buffer;
  createRevision: bigint;
  modRevision: bigint;
}

function pairsOf(response: Buffer): Pair[] {
  const pairs: Pair[] = [];
  for (const fields = new Reader(response); fields.next(); ) {
    if (fields.number === 2) pairs.push(pairOf(fields.bytes));
  }
  return pairs;
}

function pairOf(message: Buffer): Pair {
  const pair: Pair = { key: '', value: message, createRevision: 0n, modRevision: 0n };
  for (const fields = new Reader(message); fields.next(); ) {
    if (fields.number === 1) pair.key = fields.bytes.toString();
    else if (fields.number === 2) pair.createRevision = fields.integer;
    else if (fields.number === 3) pair.modRevision = fields.integer;
    else if (fields.number === 5) pair.value = fields.bytes;
  }
  return pair;
}

function outcomeOf(response: Buffer): { readonly succeeded: boolean; readonly revision: bigint } {
  let succeeded = false;
  let revision = 0n;
  for (const fields = new Reader(response); fields.next(); ) {
    if (fields.number === 2) succeeded = fields.integer === 1n;
    if (fields.number === 1) revision = revisionOf(fields.bytes);
  }
  return { succeeded, revision };
}

function revisionOf(header: Buffer): bigint {
  for (const fields = new Reader(header); fields.next(); ) {
    if (fields.number === 3) return fields.integer;
  }
  return 0n;
}
