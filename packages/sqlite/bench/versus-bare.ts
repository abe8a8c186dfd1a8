/*
 * The store against better-sqlite3 alone: prepared statements, the same durability, one transaction a write, values as
 * Buffers. Both do the same work by turns in one process; the table has the medians.
 *
 *   node --conditions=@kv/source packages/sqlite/bench/versus-bare.ts
 */
import { Console } from 'node:console';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type KVPair, openStore, type Store } from '@kv/core';
import { sqlite } from '@kv/sqlite';
import Sqlite from 'better-sqlite3';

interface Contender {
  get(key: string): unknown;
  put(key: string, value: Uint8Array): unknown;
  /** Writes under the revision that it has seen last. */
  atomicPut(caller: number, value: Uint8Array): unknown;
  list(): unknown;
}

const rounds = 5;
const keyCount = 1_000;
const value = new Uint8Array(100).fill(7);
const keyOf = (i: number) => `bench/key-${i % keyCount}`;

/** Operations a round, by how long they take. */
const operations = { get: 100_000, put: 5_000, atomicPut: 5_000, list: 200 } as const;
const callerCounts = [1, 64];

const directory = await mkdtemp(join(tmpdir(), 'kv-sqlite-bench-'));
const store = await openStore(sqlite({ path: join(directory, 'store.db') }));
const database = new Sqlite(join(directory, 'bare.db'));
const contenders = { store: await storeContender(store), bare: bareContender() };

const rows: Record<string, string | number>[] = [];
for (const callers of callerCounts) {
  for (const operation of Object.keys(operations) as (keyof typeof operations)[]) {
    const rates: Record<keyof typeof contenders, number[]> = { store: [], bare: [] };
    for (let round = 0; round < rounds; round++) {
      for (const name of ['store', 'bare'] as const) rates[name].push(await rate(name, operation, callers));
    }
    const [ofStore, ofBare] = [median(rates.store), median(rates.bare)];
    rows.push({
      operation: operation === 'list' ? `list of ${keyCount}` : operation,
      callers,
      'store, op/s': Math.round(ofStore),
      'bare, op/s': Math.round(ofBare),
      'store / bare': (ofStore / ofBare).toFixed(2),
    });
  }
}
new Console(process.stdout).table(rows);
await store.close();
database.close();
await rm(directory, { recursive: true });

async function storeContender(store: Store): Promise<Contender> {
  const seen: KVPair[] = [];
  await Promise.all(Array.from({ length: keyCount }, (_, i) => store.put(keyOf(i), value)));
  for (let i = 0; i < Math.max(...callerCounts); i++) seen.push(await store.put(`counter/${i}`, value));
  return {
    get: (key) => store.get(key),
    put: (key, value) => store.put(key, value),
    atomicPut: async (caller, value) => {
      seen[caller] = await store.atomicPut(`counter/${caller}`, value, seen[caller] as KVPair);
    },
    list: () => store.list('bench'),
  };
}

function bareContender(): Contender {
  database.pragma('journal_mode = WAL');
  database.pragma('synchronous = FULL');
  database.exec('CREATE TABLE pairs (key TEXT PRIMARY KEY, revision INTEGER NOT NULL, value BLOB NOT NULL) STRICT');
  const get = database.prepare('SELECT revision, value FROM pairs WHERE key = ?');
  const put = database.prepare(
    'INSERT INTO pairs VALUES (?, 1, ?) ON CONFLICT DO UPDATE SET revision = revision + 1, value = excluded.value',
  );
  const swap = database.prepare('UPDATE pairs SET revision = revision + 1, value = ? WHERE key = ? AND revision = ?');
  const list = database.prepare('SELECT key, revision, value FROM pairs WHERE key > ? AND key < ? ORDER BY key');
  const seen: number[] = [];
  for (let i = 0; i < keyCount; i++) put.run(keyOf(i), value);
  for (let i = 0; i < Math.max(...callerCounts); i++) {
    put.run(`counter/${i}`, value);
    seen.push(1);
  }
  return {
    get: (key) => get.get(key),
    put: (key, value) => put.run(key, value),
    atomicPut: (caller, value) => {
      if (swap.run(value, `counter/${caller}`, seen[caller]).changes !== 1) throw new Error('lost an update');
      seen[caller] = (seen[caller] as number) + 1;
    },
    list: () => list.all('bench/', 'bench0'),
  };
}

/** Operations per second. Only the store has something to wait for: bare calls are made one after the other. */
async function rate(
  name: keyof typeof contenders,
  operation: keyof typeof operations,
  callers: number,
): Promise<number> {
  const contender = contenders[name];
  const count = operations[operation];
  const call = (caller: number, i: number): unknown => {
    if (operation === 'list') return contender.list();
    if (operation === 'atomicPut') return contender.atomicPut(caller, value);
    return operation === 'get' ? contender.get(keyOf(i)) : contender.put(keyOf(i), value);
  };
  const start = performance.now();
  if (name === 'bare') {
    for (let i = 0; i < count; i++) call(i % callers, i);
  } else {
    let next = 0;
    const work = async (caller: number) => {
      for (let i = next++; i < count; i = next++) await call(caller, i);
    };
    await Promise.all(Array.from({ length: callers }, (_, caller) => work(caller)));
  }
  return (count / (performance.now() - start)) * 1_000;
}

function median(numbers: readonly number[]): number {
  return [...numbers].sort((a, b) => a - b)[numbers.length >> 1] as number;
}
