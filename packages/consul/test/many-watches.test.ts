import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { openStore, type Store } from '@kv/core';
import { poll } from '@kv-tooling/servers';
import { inject, test } from 'vitest';
import { consul } from '../src/index.ts';
import { FakeConsul, sendPair } from './fake-consul.ts';

const server = inject('servers').consul ?? { host: '', port: 0 };
const address = `http://${server.host}:${server.port}`;

async function watchMany(store: Store, count: number) {
  return Promise.all(
    Array.from({ length: count }, async (_, i) => {
      const steps = store.watch(`keys/${i}`)[Symbol.asyncIterator]();
      await steps.next();
      return steps;
    }),
  );
}

test('beside more watches than connections another one begins at once, and all see their change', {
  timeout: 30_000,
}, async () => {
  const root = randomUUID();
  const store = await openStore(consul({ addresses: [address], root }));
  const writer = await openStore(consul({ addresses: [address], root }));
  try {
    const watchers = await watchMany(store, 300);
    const began = performance.now();
    const late = store.watch('late')[Symbol.asyncIterator]();
    await late.next();
    assert(performance.now() - began < 2_500, 'it has waited for the queries of the others');
    const changes = watchers.map((steps) => steps.next());
    await Promise.all(watchers.map((_, i) => writer.put(`keys/${i}`, Buffer.of(1))));
    await Promise.all(changes);
  } finally {
    await Promise.all([store.close(), writer.close()]);
  }
});

test('the more watches there are, the shorter their queries wait, down to half a second', async () => {
  const fake = await FakeConsul.start((url, response) => {
    const answer = () => sendPair(response, 1, 'value');
    if (url.searchParams.has('wait')) setTimeout(answer, 20);
    else answer();
  });
  const waits = () => fake.requests.flatMap(({ searchParams }) => searchParams.get('wait') ?? []);
  const store = await openStore(consul({ addresses: [fake.address], root: fake.root }));
  try {
    await watchMany(store, 128);
    await poll('each waits', async () => waits().length >= 128);
    assert.deepEqual(new Set(waits()), new Set(['5000ms']));
    await watchMany(store, 1_400);
    await poll('they wait for less', async () => waits().includes('500ms'));
    assert(waits().every((wait) => Number.parseInt(wait, 10) >= 500));
  } finally {
    await store.close();
    await fake.close();
  }
});
