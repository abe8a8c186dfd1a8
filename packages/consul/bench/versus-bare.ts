/*
 * Side by side with the bare client library, on the same server, with the same consistency and as many connections: one after
 * the other, five times each, medians. `node --conditions=@kv/source bench/versus-bare.ts http://127.0.0.1:8500 [seconds per cell]`
 *
 * `bare` does the least that gives what our call gives: a write that returns the new pair reads it after the write, as libkv
 * does, since the plain endpoints say yes or no only. `bare, blind` does not read it.
 */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { Agent } from 'node:http';
import { openStore } from '@kv/core';
import Consul from 'consul';
import { consul } from '../src/index.ts';

/** As they are: the client library's own types lack `buffer`, `consistent` and `recurse` without a list. */
interface Bare {
  get(options: object): Promise<{ ModifyIndex: number }>;
  set(options: object): Promise<true | undefined>;
  del(options: object): Promise<true>;
}

const [address = 'http://127.0.0.1:8500', seconds = '1'] = process.argv.slice(2);
const rounds = 5;
const root = `bench-${process.pid}`;
const value = Buffer.alloc(100, 'x');
const keys = Array.from({ length: 100 }, (_, i) => `k/${String(i).padStart(3, '0')}`);

const { hostname: host, port } = new URL(address);
const agent = new Agent({ keepAlive: true, maxSockets: 64 });
const bare = new Consul({ host, port: Number(port), agent }).kv as unknown as Bare;
const store = await openStore(consul({ addresses: [address], root }));

const read = (key: string) => bare.get({ key: `${root}/${key}`, buffer: true, consistent: true });
const set = (key: string, options = {}) => bare.set({ key: `${root}/${key}`, value, ...options });
const print = (...columns: string[]) =>
  process.stdout.write(`${columns.map((text, i) => (i === 0 ? text.padEnd(34) : text.padStart(9))).join('')}\n`);

type Action = (key: string) => Promise<unknown>;

/** Both sides of a row, as functions of a key that nobody else uses at the time. */
const rows: Record<string, { readonly ours: Action; readonly bare: Action }> = {
  get: { ours: (key) => store.get(key), bare: read },
  'put (bare, blind)': { ours: (key) => store.put(key, value), bare: (key) => set(key) },
  put: {
    ours: (key) => store.put(key, value),
    bare: async (key) => {
      await set(key);
      return read(key);
    },
  },
  'get and atomicPut': {
    ours: async (key) => store.atomicPut(key, value, (await store.get(key)) ?? null),
    bare: async (key) => {
      const { ModifyIndex: cas } = await read(key);
      assert.equal(await set(key, { cas }), true);
      return read(key);
    },
  },
  'put and delete': {
    ours: async (key) => {
      await store.put(key, value);
      return store.delete(key);
    },
    bare: async (key) => {
      await set(key);
      // Whether it exists, as libkv finds out.
      await read(key);
      return bare.del({ key: `${root}/${key}` });
    },
  },
  'list of 100': {
    ours: () => store.list('list'),
    bare: () => bare.get({ key: `${root}/list/`, recurse: true, buffer: true, consistent: true }),
  },
};

async function perSecond(action: Action, concurrency: number): Promise<number> {
  let count = 0;
  const started = performance.now();
  const until = started + Number(seconds) * 1_000;
  await Promise.all(
    keys.slice(0, concurrency).map(async (key) => {
      for (; performance.now() < until; count++) await action(key);
    }),
  );
  return (count * 1_000) / (performance.now() - started);
}

const median = (values: readonly number[]) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;

try {
  await Promise.all(keys.map((key) => store.put(`list/${key}`, value)));
  print('operations per second', 'ours', 'bare', 'ratio');
  for (const [name, row] of Object.entries(rows)) {
    for (const concurrency of [1, 64]) {
      await Promise.all(keys.map((key) => store.put(key, value)));
      const measured: Record<'ours' | 'bare', number[]> = { ours: [], bare: [] };
      for (let round = 0; round < rounds; round++) {
        for (const side of ['ours', 'bare'] as const) measured[side].push(await perSecond(row[side], concurrency));
      }
      const [ours, theirs] = [median(measured.ours), median(measured.bare)];
      print(`${name}, ${concurrency} at once`, ours.toFixed(0), theirs.toFixed(0), (ours / theirs).toFixed(2));
    }
  }
} finally {
  await store.deleteTree('');
  await store.close();
  agent.destroy();
}
