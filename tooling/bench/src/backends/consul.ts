import { EventEmitter } from 'node:events';
import { Agent } from 'node:http';
import { consul as driver } from '@kv/consul';
import { openStore } from '@kv/core';
import Consul from 'consul';
import type { Backend } from '../backend.ts';
import { type Client, timeout } from '../client.ts';

export const consul: Backend = {
  name: 'consul',
  server: { kind: 'consul', protocol: 'http1' },
  bareClient: 'consul',
  openStore: (place) => openStore(driver({ addresses: [`http://${place}`], root: 'ours' }), { timeout }),
  openBare: async (place) => openBare(place),
  peers: { "libkv's calls": { packages: [], open: async (place) => openLibkvCalls(place) } },
  fewestRequests: { get: 1, put: 1, atomicPut: 1, delete: 1, list: 1, session: 2 },
  sizes: {
    keys: [1_000, 10_000, 100_000],
    watchers: [1, 10, 100, 1_000, 10_000],
    // Each is a blocking query on a connection of its own.
    watchedKeys: [1, 10, 100, 1_000],
    sessions: 1_000,
  },
};

interface Pair {
  readonly Key: string;
  readonly ModifyIndex: number;
  readonly Value: Buffer | null;
}

/** As it is: the client library's own types lack `buffer`, `consistent` and `ctx`. */
interface Bare {
  readonly kv: {
    get(options: object): Promise<never>;
    keys(options: object): Promise<string[]>;
    set(options: object): Promise<true | undefined>;
    del(options: object): Promise<true | undefined>;
  };
  readonly transaction: { create(operations: object[]): Promise<{ Results: { KV: Pair }[] }> };
  readonly session: { create(options: object): Promise<{ ID: string }>; destroy(options: object): Promise<unknown> };
}

/** As many operations as a transaction takes. */
const longestTransaction = 64;
const pageOfTransactions = 16;

function connect(place: string): { readonly client: Bare; readonly agent: Agent } {
  const [host, port] = place.split(':');
  const agent = new Agent({ keepAlive: true, maxSockets: 64, scheduling: 'lifo' });
  return { client: new Consul({ host, port: Number(port), agent } as never) as unknown as Bare, agent };
}

/**
 * The writes as libkv makes them, with the plain endpoints: they do not tell the new index, nor whether there was a key, so that
 * two of them need a read. https://github.com/docker/libkv/blob/master/store/consul/consul.go
 */
function openLibkvCalls(place: string): Client {
  const { client, agent } = connect(place);
  const name = (key: string) => `libkv/${key}`;
  const read = (key: string): Promise<Pair | undefined> =>
    client.kv.get({ key: name(key), buffer: true, consistent: true });
  const indexOf = async (key: string) => (await read(key))?.ModifyIndex;
  return {
    async put(key, value) {
      await client.kv.set({ key: name(key), value });
    },
    async atomicPut(key, value, previous) {
      const cas = previous ?? (await indexOf(key));
      if ((await client.kv.set({ key: name(key), value, cas })) !== true) throw new Error(`${key} was modified`);
      return indexOf(key);
    },
    async delete(key) {
      if ((await read(key)) === undefined) throw new Error(`${key} is absent`);
      await client.kv.del({ key: name(key) });
    },
    close: () => agent.destroy(),
  };
}

function openBare(place: string): Client {
  const { client, agent } = connect(place);
  const name = (key: string) => `bare/${key}`;
  const transact = async (...verbs: object[]) =>
    (await client.transaction.create(verbs.map((verb) => ({ KV: verb })))).Results;
  const indexOf = (results: { KV: Pair }[]) => (results[0] as { KV: Pair }).KV.ModifyIndex;
  const read = (key: string, more: object = {}) =>
    client.kv.get({ key: name(key), buffer: true, consistent: true, ...more });
  return {
    get: (key) => read(key),
    async put(key, value) {
      return indexOf(await transact({ Verb: 'set', Key: name(key), Value: value.toString('base64') }));
    },
    async fill(keys, value) {
      const Value = value.toString('base64');
      for (let i = 0; i < keys.length; i += longestTransaction) {
        const names = keys.slice(i, i + longestTransaction);
        await transact(...names.map((key) => ({ Verb: 'set', Key: name(key), Value })));
      }
    },
    async atomicPut(key, value, previous) {
      return indexOf(await transact({ Verb: 'cas', Key: name(key), Value: value.toString('base64'), Index: previous }));
    },
    /** The read tells whether it existed. */
    delete: (key) => transact({ Verb: 'get', Key: name(key) }, { Verb: 'delete', Key: name(key) }),
    list: (directory) => read(`${directory}/`, { recurse: true }),
    async scan(directory) {
      const names = await client.kv.keys({ key: name(`${directory}/`), consistent: true });
      let count = 0;
      const fetch = async (start: number) => {
        const verbs = names.slice(start, start + longestTransaction).map((Key) => ({ Verb: 'get', Key }));
        if (verbs.length === 0) return;
        const { length } = await transact(...verbs);
        count += length;
      };
      for (let start = 0; start < names.length; start += pageOfTransactions * longestTransaction) {
        await Promise.all(Array.from({ length: pageOfTransactions }, (_, i) => fetch(start + i * longestTransaction)));
      }
      return count;
    },
    async session() {
      const { ID } = await client.session.create({ ttl: '15s', behavior: 'delete', lockdelay: '0s' });
      await client.session.destroy({ id: ID });
    },
    async watch(key, onValue) {
      let ended = false;
      const query = (index: string | undefined) =>
        read(key, { index, wait: '55s', ctx: Object.assign(new EventEmitter(), { includeResponse: true }) }) as Promise<
          [{ headers: Record<string, string> }, Pair | undefined]
        >;
      let [response, pair] = await query(undefined);
      void (async () => {
        while (!ended) {
          const before = pair?.ModifyIndex;
          [response, pair] = await query(response.headers['x-consul-index']);
          if (pair !== undefined && pair.ModifyIndex !== before) onValue(pair.Value ?? Buffer.alloc(0));
        }
      })().catch(() => {}); // its connection is gone with the client
      return () => {
        ended = true;
      };
    },
    close: () => agent.destroy(),
  };
}
