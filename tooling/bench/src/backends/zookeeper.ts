import { once } from 'node:events';
import { openStore } from '@kv/core';
import { zookeeper as driver } from '@kv/zookeeper';
import type { Backend } from '../backend.ts';
import { type Client, timeout } from '../client.ts';

export const zookeeper: Backend = {
  name: 'zookeeper',
  server: { kind: 'zookeeper', protocol: 'zookeeper' },
  bareClient: 'zookeeper',
  openStore: (place) => openStore(driver({ servers: [place], root: '/ours', ttlCheckInterval: 500 }), { timeout }),
  openBare,
  libkv: 'zk',
  // A linearizable read is `sync` and the read, in one pipeline. A session is a connection, whose first frame is not counted.
  fewestRequests: { get: 2, put: 1, atomicPut: 1, delete: 1, list: 1_002, session: 1 },
  sizes: {
    keys: [1_000, 10_000, 100_000],
    watchers: [1, 10, 100, 1_000, 10_000],
    watchedKeys: [1, 10, 100, 1_000, 10_000],
    // Each is a client of its own.
    sessions: 100,
  },
};

interface Stat {
  readonly version: number;
}

/** The part of the client that this uses. */
interface Bare {
  connect(options: object, callback: (error: unknown, client: Bare) => void): void;
  init(options: object): void;
  once(event: 'connect' | 'close', listener: () => void): this;
  on(event: 'changed', listener: (client: Bare, path: string) => void): this;
  create(path: string, data: string | Buffer, flags: number): Promise<string>;
  set(path: string, data: Buffer, version: number): Promise<Stat>;
  get(path: string, watch: boolean): Promise<[Stat, Buffer]>;
  get_children(path: string, watch: boolean): Promise<string[]>;
  delete_(path: string, version: number): Promise<unknown>;
  sync(path: string): Promise<unknown>;
  close(): void;
}

const anyVersion = -1;
const persistent = 0;
const noNode = '-101';
const nodeExists = '-110';
/** So many reads are under way at once: each is handed to the client in the event loop. */
const window = 1_000;

const starts = (error: unknown, code: string) => String((error as Error).message).startsWith(code);

async function connect(place: string): Promise<Bare> {
  const { default: ZooKeeper } = await import('zookeeper');
  const client = new (ZooKeeper as unknown as new (options: object) => Bare & NodeJS.EventEmitter)({
    connect: place,
    timeout: 15_000,
    debug_level: 1,
    host_order_deterministic: false,
    // Else the session ends when an answer arrives in more than ten pieces.
    response_counter_limit: 1e9,
  });
  const connected = once(client, 'connect');
  (client as unknown as { init(options: object): void }).init({});
  await connected;
  return client;
}

async function openBare(place: string): Promise<Client> {
  const client = await connect(place);
  const path = (key: string) => `/bare/${key}`;
  const make = async (node: string, data: Buffer): Promise<void> => {
    try {
      await client.create(node, data, persistent);
    } catch (error) {
      if (starts(error, nodeExists)) return;
      if (!starts(error, noNode)) throw error;
      await make(node.slice(0, node.lastIndexOf('/')), Buffer.alloc(0));
      await make(node, data);
    }
  };
  const put = async (key: string, value: Buffer): Promise<number> => {
    try {
      return (await client.set(path(key), value, anyVersion)).version;
    } catch (error) {
      if (!starts(error, noNode)) throw error;
      await make(path(key), value);
      return 0;
    }
  };
  /** What all clients have written is seen by what is read after it. */
  const synced = async <T>(node: string, read: () => Promise<T>): Promise<T> => {
    const [, answer] = await Promise.all([client.sync(node), read()]);
    return answer;
  };
  const list = async (directory: string) => {
    const node = path(directory);
    const names = await synced(node, () => client.get_children(node, false));
    const pairs: [Stat, Buffer][] = [];
    for (let start = 0; start < names.length; start += window) {
      const read = names.slice(start, start + window).map((name) => client.get(`${node}/${name}`, false));
      pairs.push(...(await Promise.all(read)));
    }
    return pairs;
  };
  const watched = new Map<string, (value: Uint8Array) => void>();
  const rearm = async (node: string) => {
    const [, value] = await client.get(node, true);
    watched.get(node)?.(value);
  };
  client.on('changed', (_, node) => void rearm(node).catch(() => {}));
  return {
    get: (key) => synced(path(key), () => client.get(path(key), false)),
    put,
    atomicPut: async (key, value, previous) => (await client.set(path(key), value, previous as number)).version,
    delete: (key) => client.delete_(path(key), anyVersion),
    list,
    async scan(root) {
      let count = 0;
      for (const name of await synced(path(root), () => client.get_children(path(root), false))) {
        count += (await list(`${root}/${name}`)).length;
      }
      return count;
    },
    async session() {
      const other = await connect(place);
      other.close();
    },
    async watch(key, onValue) {
      await put(key, Buffer.alloc(0));
      await client.get(path(key), true);
      watched.set(path(key), onValue);
      return () => void watched.delete(path(key));
    },
    close: () => client.close(),
  };
}
