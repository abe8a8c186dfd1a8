import assert from 'node:assert/strict';
import { type Driver, type DriverFactory, type ListPage, type ListRequest, openStore } from '@kv/core';
import { memory } from '@kv/core/memory';
import { onTestFinished, test } from 'vitest';
import { replaced } from './broken-drivers/broken-driver.ts';

const keys = Array.from({ length: 11 }, (_, i) => `dir/${String(i).padStart(2, '0')}`);

/** A driver whose pages are shorter than what was asked for, and every other one is empty. */
function shortPages(requests: ListRequest[]): DriverFactory {
  const sound = memory();
  const page = async <Item>(
    request: ListRequest,
    read: (request: ListRequest) => ListPage<Item> | Promise<ListPage<Item>>,
  ): Promise<ListPage<Item>> => {
    requests.push(request);
    if (request.cursor !== 'full') return { items: [], next: 'full' };
    const { cursor: _, ...plain } = request;
    const { items, next } = await read({ ...plain, limit: Math.min(3, request.limit ?? 3) });
    return next === undefined ? { items } : { items, next: 'empty' };
  };
  const shorten = (driver: Driver) =>
    replaced(driver, {
      list: (directory, request, call) => page(request, (short) => driver.list(directory, short, call)),
      keys: (directory, request, call) => page(request, (short) => driver.keys(directory, short, call)),
    });
  return { ...sound, connect: async (call) => shorten(await sound.connect(call)) };
}

async function planted(requests: ListRequest[] = []) {
  const store = await openStore(shortPages(requests));
  onTestFinished(() => store.close());
  for (const key of keys) await store.put(key, key);
  return store;
}

test('list and scan go on until the last page, over short and empty ones', async () => {
  const store = await planted();
  assert.deepEqual(await store.list('dir', { keysOnly: true }), keys);
  const listed = await store.list('dir');
  assert.deepEqual(
    listed.map(({ key }) => key),
    keys,
  );
  assert.deepEqual(await Array.fromAsync(store.scan('dir')), listed);
  assert.deepEqual(await store.list('dir', { keysOnly: true, after: 'dir/04' }), keys.slice(5));
});

test('list asks for what is still missing of its limit, and for no page after that', async () => {
  const requests: ListRequest[] = [];
  const store = await planted(requests);
  assert.deepEqual(await store.list('dir', { keysOnly: true, limit: 7 }), keys.slice(0, 7));
  assert.deepEqual(
    requests.map(({ limit, after, cursor }) => [limit, after, cursor]),
    [
      [7, undefined, undefined],
      [7, undefined, 'full'],
      [4, 'dir/02', 'empty'],
      [4, 'dir/02', 'full'],
      [1, 'dir/05', 'empty'],
      [1, 'dir/05', 'full'],
    ],
  );
});

test('the pages of a scan grow and shrink with the size of the values', async () => {
  const limits: number[] = [];
  const sound = memory();
  const store = await openStore({
    ...sound,
    connect: async (call) => {
      const driver = await sound.connect(call);
      return replaced(driver, {
        list: (directory, request, listing) => {
          limits.push(request.limit as number);
          return driver.list(directory, request, listing);
        },
      });
    },
  });
  onTestFinished(() => store.close());
  for (let i = 0; i < 150; i++) await store.put(`small/${String(i).padStart(3, '0')}`, '');
  for (let i = 0; i < 150; i++) await store.put(`large/${String(i).padStart(3, '0')}`, new Uint8Array(100_000));
  assert.equal((await Array.fromAsync(store.scan('small'))).length, 150);
  assert.deepEqual(limits.splice(0), [100, 1_000]);
  assert.equal((await Array.fromAsync(store.scan('large'))).length, 150);
  assert.deepEqual(limits, [100, 10, 10, 10, 10, 10]);
});
