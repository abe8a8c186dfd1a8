import { openStore } from '@kv/core';
import { etcd as driver } from '@kv/etcd';
import { Etcd3, type IRequestOp } from 'etcd3';
import type { Backend } from '../backend.ts';
import { type Client, timeout } from '../client.ts';
import { openGrpcJs } from '../etcd-transports/grpc-js.ts';
import { openThroughOwnCodec } from '../etcd-transports/own-codec.ts';
import { importPeer } from '../peers.ts';

export const etcd: Backend = {
  name: 'etcd',
  server: { kind: 'etcd', protocol: 'http2' },
  bareClient: 'etcd3',
  openStore: (place) => openStore(driver({ endpoints: [`http://${place}`], root: 'ours' }), { timeout }),
  openBare: async (place) => openBare(place),
  peers: {
    'grpc-js': { packages: ['@grpc/grpc-js', '@grpc/proto-loader'], open: openGrpcJs },
    'own codec': { packages: [], open: openThroughOwnCodec },
    keyv: { packages: ['keyv', '@keyv/etcd'], open: keyv },
  },
  fewestRequests: { get: 1, put: 1, atomicPut: 1, delete: 1, list: 1, session: 2 },
  sizes: {
    keys: [1_000, 10_000, 100_000],
    watchers: [1, 10, 100, 1_000, 10_000],
    watchedKeys: [1, 10, 100, 1_000, 10_000],
    sessions: 1_000,
  },
};

/** Its policies do nothing: the retries would repeat writes, and the circuit breaker refuse calls. */
const { signal } = new AbortController();
const inactive = { execute: async <T>(action: (context: { signal: AbortSignal }) => T) => action({ signal }) };

const pageSize = 1_000;
/** Of a server with the default of --max-txn-ops. */
const longestTransaction = 128;

function openBare(place: string): Client {
  const client = new Etcd3({
    hosts: `http://${place}`,
    grpcOptions: { 'grpc.max_receive_message_length': -1 },
    faultHandling: { host: () => inactive as never, global: inactive as never },
    defaultCallOptions: (context) => (context.isStream ? {} : { deadline: Date.now() + timeout }),
  });
  const bytes = (key: string) => Buffer.from(`bare/${key}`);
  /** A put, and when the key was created. */
  const write = (key: Buffer, value: Buffer): IRequestOp[] => [
    { request_put: { key, value } },
    { request_range: { key, keys_only: true } },
  ];
  return {
    get: (key) => client.kv.range({ key: bytes(key) }),
    async put(key, value) {
      const { header } = await client.kv.txn({ success: write(bytes(key), value) });
      return header.revision;
    },
    async fill(keys, value) {
      const puts = keys.map((key) => ({ request_put: { key: bytes(key), value } }));
      for (let i = 0; i < puts.length; i += longestTransaction) {
        await client.kv.txn({ success: puts.slice(i, i + longestTransaction) });
      }
    },
    async atomicPut(key, value, previous) {
      const name = bytes(key);
      const { succeeded, header } = await client.kv.txn({
        compare: [{ key: name, target: 'Mod', result: 'Equal', mod_revision: previous as string }],
        success: write(name, value),
        failure: [{ request_range: { key: name, keys_only: true } }],
      });
      if (!succeeded) throw new Error('an update was lost');
      return header.revision;
    },
    delete: async (key) => (await client.kv.deleteRange({ key: bytes(key) })).deleted !== '0',
    list: async (directory) =>
      (await client.kv.range({ key: bytes(`${directory}/`), range_end: bytes(`${directory}0`) })).kvs,
    async scan(directory) {
      let count = 0;
      let revision = '0';
      for (let key = bytes(`${directory}/`); ; ) {
        const page = await client.kv.range({ key, range_end: bytes(`${directory}0`), limit: pageSize, revision });
        count += page.kvs.length;
        const last = page.kvs.at(-1);
        if (!page.more || last === undefined) return count;
        revision = page.header.revision;
        key = Buffer.concat([last.key, Buffer.of(0)]);
      }
    },
    async session() {
      // Not `client.lease()`, which opens a stream for renewals too.
      const { ID } = await client.leaseClient.leaseGrant({ TTL: 15 });
      await client.leaseClient.leaseRevoke({ ID });
    },
    async watch(key, onValue) {
      const watcher = await client.watch().key(bytes(key)).create();
      watcher.on('put', ({ value }) => onValue(value));
      return () => void watcher.cancel();
    },
    close: () => client.close(),
  };
}

interface Keyv {
  get(key: string): Promise<unknown>;
  set(key: string, value: unknown): Promise<unknown>;
  delete(key: string): Promise<boolean>;
  disconnect(): Promise<unknown>;
}

async function keyv(place: string): Promise<Client> {
  const { Keyv } = await importPeer<{ Keyv: new (store: unknown) => Keyv }>('keyv');
  const { KeyvEtcd } = await importPeer<{ KeyvEtcd: new (url: string) => unknown }>('@keyv/etcd');
  const client = new Keyv(new KeyvEtcd(`etcd://${place}`));
  return {
    get: (key) => client.get(key),
    put: (key, value) => client.set(key, value.toString('latin1')),
    delete: (key) => client.delete(key),
    close: () => client.disconnect(),
  };
}
