import { fileURLToPath } from 'node:url';
import { type Client, timeout } from '../client.ts';
import { importPeer } from '../peers.ts';

interface GrpcJs {
  loadPackageDefinition(definition: unknown): {
    readonly etcdserverpb: { readonly KV: new (place: string, credentials: unknown, options: object) => KvService };
  };
  readonly credentials: { createInsecure(): unknown };
}

interface ProtoLoader {
  loadSync(file: string, options: object): unknown;
}

type Call = (
  request: object,
  options: { readonly deadline: number },
  answer: (error: Error | null, response: Response) => void,
) => void;

interface Response {
  readonly header: { readonly revision: string };
  readonly succeeded: boolean;
  readonly deleted: string;
  readonly kvs: readonly unknown[];
}

type KvService = Readonly<Record<'range' | 'txn' | 'deleteRange', Call>> & { close(): void };

/** The client library below etcd3, with the requests of the store. */
export async function openGrpcJs(place: string): Promise<Client> {
  const proto = fileURLToPath(new URL('../proto/rpc.proto', import.meta.resolve('etcd3')));
  const { loadPackageDefinition, credentials } = await importPeer<GrpcJs>('@grpc/grpc-js');
  const { loadSync } = await importPeer<ProtoLoader>('@grpc/proto-loader');
  const definition = loadSync(proto, { keepCase: true, longs: String, enums: String, defaults: true, oneofs: true });
  const { etcdserverpb } = loadPackageDefinition(definition);
  const service = new etcdserverpb.KV(place, credentials.createInsecure(), {
    'grpc.max_receive_message_length': -1,
    'grpc-node.flow_control_window': 4 * 1024 * 1024,
  });
  const send = (method: 'range' | 'txn' | 'deleteRange', request: object) =>
    new Promise<Response>((resolve, reject) => {
      service[method](request, { deadline: Date.now() + timeout }, (error, response) =>
        error === null ? resolve(response) : reject(error),
      );
    });
  const transact = async (request: object) => {
    const { succeeded, header } = await send('txn', request);
    if (!succeeded) throw new Error('an update was lost');
    return header.revision;
  };
  return {
    get: (key) => send('range', { key: bytes(key) }),
    put: (key, value) => transact({ success: write(bytes(key), value) }),
    atomicPut: (key, value, previous) =>
      transact({
        compare: [{ key: bytes(key), target: modRevision, mod_revision: previous }],
        success: write(bytes(key), value),
        failure: [{ request_range: { key: bytes(key), keys_only: true } }],
      }),
    delete: async (key) => (await send('deleteRange', { key: bytes(key) })).deleted !== '0',
    list: async (directory) =>
      (await send('range', { key: bytes(`${directory}/`), range_end: bytes(`${directory}0`) })).kvs,
    close: () => service.close(),
  };
}

/** Of `Compare.target`. Its names differ from those of other copies of the protocol; `Compare.result` is EQUAL by default. */
const modRevision = 2;

const bytes = (key: string) => Buffer.from(`grpc-js/${key}`);

/** A put, and when the key was created. */
const write = (key: Buffer, value: Buffer) => [
  { request_put: { key, value } },
  { request_range: { key, keys_only: true } },
];
