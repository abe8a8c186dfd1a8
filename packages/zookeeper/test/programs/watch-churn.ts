/*
 * watch-churn <host:port> [cycles]: keys come and go below a directory that is watched, so many after a quarter as many that warm up.
 * Writes what there was before and after, as JSON. Run it with --expose-gc, by hand with 10,000 cycles.
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { openStore } from '@kv/core';
import { poll, ZooKeeperConnection, zooKeeperWatchCount } from '@kv-tooling/servers';
import { zookeeper } from '../../src/index.ts';

export interface Remains {
  /** Of JavaScript and of its buffers, in bytes, after garbage collection. */
  readonly heap: number;
  /** Of the process beside the heap, whose size V8 sets by how much garbage there was, in bytes. */
  readonly native: number;
  /** On the server. `undefined` where it does not tell. */
  readonly watches: number | undefined;
}

export interface WatchChurn {
  readonly before: Remains;
  readonly after: Remains;
  /** How many keys the watch has seen come. */
  readonly seen: number;
}

const [address = '', cycles = '10000'] = process.argv.slice(2);
const [host = '', port] = address.split(':');
const server = { host, port: Number(port) };
const root = randomUUID();
const store = await openStore(
  zookeeper({ servers: [address], root, ttlCheckInterval: 500, sessionTimeout: { minMs: 2_000, maxMs: 40_000 } }),
);

const ways: readonly ((key: string) => Promise<unknown>)[] = [
  async (key) => {
    await store.put(key, 'value');
    await store.delete(key);
  },
  // The server removes the directories, when it looks for empty ones.
  async (key) => {
    await store.put(`${key}/a/b`, 'value');
    await store.delete(`${key}/a/b`);
  },
  async (key) => {
    const session = await store.session({ ttl: 30_000 });
    await store.put(key, 'value', { session });
    await session.close();
  },
];
const callers = 16;

let next = 0;
async function churn(cycles: number): Promise<Remains> {
  const end = next + cycles;
  const call = async () => {
    while (next < end) {
      const i = next++;
      await ways[i % ways.length]?.(`tree/${i}`);
    }
  };
  await Promise.all(Array.from({ length: callers }, call));
  const connection = await ZooKeeperConnection.open(server);
  await poll('nothing is left', async () => (await connection.getChildren(`/${root}/tree`)).length === 0);
  connection.close();
  await poll('the watch has seen it', async () => keys === 0);
  for (let i = 0; i < 5; i++) {
    await sleep(20);
    globalThis.gc?.();
  }
  const { heapUsed, heapTotal, external, rss } = process.memoryUsage();
  return { heap: heapUsed + external, native: rss - heapTotal, watches: await zooKeeperWatchCount(server) };
}

let keys = -1;
let seen = 0;
const ended = new AbortController();
await store.put('tree', 'value'); // so that the directory stays
const watching = (async () => {
  for await (const { pairs, changes } of store.watchTree('tree', { signal: ended.signal })) {
    keys = pairs.size;
    seen += changes.filter(({ type }) => type === 'put').length;
  }
})();
const before = await churn(Number(cycles) / 4);
const after = await churn(Number(cycles));
ended.abort();
await watching;
await store.close();
const told: WatchChurn = { before, after, seen };
process.stdout.write(JSON.stringify(told));
