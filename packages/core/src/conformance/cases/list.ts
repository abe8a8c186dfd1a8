import assert from 'node:assert/strict';
import { compareKeys } from '../../key.ts';
import type { ListOptions } from '../../listing.ts';
import { openStore } from '../../open-store.ts';
import type { Store } from '../../store.ts';
import { conformanceCase } from '../case.ts';

/** Directory `a` with what is below it, and what only looks like it. */
const tree = ['a', 'a-b', 'a.b', 'a/b', 'a/b/c', 'a/b/c/d', 'a/b-c', 'a/e/f', 'a0', 'ab', 'ab/c', 'A/b', 'b/a/x'];
const belowA = ['a/b', 'a/b-c', 'a/b/c', 'a/b/c/d', 'a/e/f'];

async function plant(store: Store, keys: readonly string[]): Promise<void> {
  for (let i = 0; i < keys.length; i += 50) {
    await Promise.all(keys.slice(i, i + 50).map((key) => store.put(key, `value of ${key}`)));
  }
}

/** The keys by each of the three ways to list them, which must agree; and the values must be those of the keys. */
async function listed(store: Store, directory: string, options: ListOptions = {}): Promise<readonly string[]> {
  const keys = await store.list(directory, { ...options, keysOnly: true });
  const { limit, ...scanOptions } = options;
  const scanned = await Array.fromAsync(store.scan(directory, scanOptions));
  for (const pairs of [await store.list(directory, options), scanned.slice(0, limit)]) {
    assert.deepEqual(
      pairs.map(({ key, value }) => `${key}: ${new TextDecoder().decode(value)}`),
      keys.map((key) => `${key}: value of ${key}`),
    );
  }
  return keys;
}

export const list = [
  conformanceCase('list/gives-all-depths-below-a-directory-and-nothing-beside-it', async ({ open }) => {
    const [store, other] = [await open(), await open()];
    await plant(store, tree);
    assert.deepEqual(await listed(other, 'a'), belowA);
    assert.deepEqual(await listed(other, '/a/'), belowA);
    assert.deepEqual(await listed(other, 'a/b'), ['a/b/c', 'a/b/c/d']);
    assert.deepEqual(await listed(other, 'a/e'), ['a/e/f']);
    assert.deepEqual(await listed(other, 'ab'), ['ab/c']);
  }),

  conformanceCase('list/gives-the-pairs-that-get-gives', async ({ open }) => {
    const store = await open();
    await plant(store, tree);
    const pairs = await store.list('a');
    assert.deepEqual(pairs, await store.getMany(belowA));
    assert.deepEqual(await Array.fromAsync(store.scan('a')), pairs);
  }),

  conformanceCase('list/of-an-absent-directory-is-empty', async ({ open }) => {
    const store = await open();
    assert.deepEqual(await listed(store, ''), []);
    assert.deepEqual(await listed(store, 'absent'), []);
    assert.deepEqual(await listed(store, 'absent/deep/down'), []);
    await plant(store, ['leaf']);
    assert.deepEqual(await listed(store, 'leaf'), []);
    await store.put('dir/key', '');
    await store.delete('dir/key');
    assert.deepEqual(await listed(store, 'dir'), [], 'a directory was left by the last key in it');
    assert.deepEqual(await listed(store, '', { recursive: false }), ['leaf']);
  }),

  conformanceCase('list/of-the-root-gives-everything-in-the-namespace', async ({ open }) => {
    const store = await open();
    await plant(store, tree);
    const all = [...tree].sort(compareKeys);
    assert.deepEqual(await listed(store, ''), all);
    assert.deepEqual(await listed(store, '/'), all);
  }),

  conformanceCase('list/of-the-whole-store-works', async ({ open, driver, namespace }) => {
    const store = await open();
    await plant(store, ['a', 'b/c']);
    const whole = await openStore(await driver());
    try {
      const options = { after: namespace, limit: 2 };
      const keys = [`${namespace}/a`, `${namespace}/b/c`];
      assert.deepEqual(await whole.list('', { ...options, keysOnly: true }), keys);
      assert.deepEqual(
        (await whole.list('/', options)).map(({ key }) => key),
        keys,
      );
    } finally {
      await whole.close();
    }
  }),

  conformanceCase('list/orders-by-utf-8-bytes', async ({ open }) => {
    const store = await open();
    const segments = [
      '!',
      '-',
      '.x',
      '0',
      '9',
      'A',
      'Z',
      '_',
      'a',
      'aa',
      'z',
      '~',
      'é',
      'ü',
      '中',
      '\ue000',
      '\uff5e',
      '\u{10000}',
      '🎉',
    ];
    const keys = ['d', 'e', 'd!', 'd-', 'd.', 'd0'].flatMap((parent) =>
      segments.map((segment) => `${parent}/${segment}`),
    );
    await plant(store, ['d', 'd!', 'd-', 'd.', 'd0', ...keys]);
    const sorted = ['d', 'd!', 'd-', 'd.', 'd0', ...keys].sort((a, b) =>
      Buffer.compare(Buffer.from(a), Buffer.from(b)),
    );
    assert.deepEqual(await listed(store, ''), sorted);
    assert.deepEqual(
      await listed(store, 'd'),
      segments.map((segment) => `d/${segment}`),
    );
    assert.deepEqual(
      await listed(store, 'd', { limit: 17 }),
      segments.slice(0, 17).map((segment) => `d/${segment}`),
    );
    assert.deepEqual(await listed(store, 'd', { after: 'd/\uff5e' }), ['d/\u{10000}', 'd/🎉']);
  }),

  conformanceCase('list/not-recursive-gives-the-next-level-alone', async ({ open }) => {
    const store = await open();
    await plant(store, tree);
    const flat = { recursive: false };
    assert.deepEqual(await listed(store, '', flat), ['a', 'a-b', 'a.b', 'a0', 'ab']);
    assert.deepEqual(await listed(store, 'a', flat), ['a/b', 'a/b-c']);
    assert.deepEqual(await listed(store, 'A', flat), ['A/b']);
    assert.deepEqual(await listed(store, 'b', flat), [], 'directories without a value were listed');
    assert.deepEqual(await listed(store, '', { ...flat, limit: 2 }), ['a', 'a-b']);
    assert.deepEqual(await listed(store, '', { ...flat, after: 'a.b', limit: 1 }), ['a0']);
  }),

  conformanceCase('list/limit-gives-the-first-ones', async ({ open }) => {
    const store = await open();
    await plant(store, tree);
    for (const limit of [1, 2, 4, 5, 6, 1_000]) {
      assert.deepEqual(await listed(store, 'a', { limit }), belowA.slice(0, limit), `limit ${limit}`);
    }
    assert.deepEqual(await listed(store, 'absent', { limit: 1 }), []);
  }),

  conformanceCase('list/after-goes-on-behind-a-key', async ({ open }) => {
    const store = await open();
    await plant(store, tree);
    const after = (key: string, options: ListOptions = {}) => listed(store, 'a', { ...options, after: key });
    assert.deepEqual(await after('a/b'), ['a/b-c', 'a/b/c', 'a/b/c/d', 'a/e/f']);
    assert.deepEqual(await after('a/b/c'), ['a/b/c/d', 'a/e/f']);
    assert.deepEqual(await after('/a/b/c/'), ['a/b/c/d', 'a/e/f']);
    assert.deepEqual(await after('a/b/absent'), ['a/b/c', 'a/b/c/d', 'a/e/f'], 'after a key that does not exist');
    assert.deepEqual(await after('a'), belowA, 'after the directory');
    assert.deepEqual(await after('A'), belowA, 'after a key before the directory');
    assert.deepEqual(await after('a/e/f'), [], 'after the last key');
    assert.deepEqual(await after('b'), [], 'after a key behind the directory');
    assert.deepEqual(await after('a/b', { limit: 2 }), ['a/b-c', 'a/b/c']);
  }),

  conformanceCase('list/pages-by-limit-and-after-meet-every-key-once', async ({ open }) => {
    const store = await open();
    await plant(store, tree);
    const all = [...tree].sort(compareKeys);
    for (const limit of [1, 3]) {
      const seen: string[] = [];
      for (;;) {
        const after = seen.at(-1);
        const page = await store.list('', { keysOnly: true, limit, ...(after === undefined ? {} : { after }) });
        if (page.length === 0) break;
        assert(page.length <= limit);
        seen.push(...page);
      }
      assert.deepEqual(seen, all);
    }
  }),

  conformanceCase('list/gives-hundreds-of-keys', async ({ open }) => {
    const store = await open();
    // More than a scan's first page.
    const keys = Array.from({ length: 260 }, (_, i) => `many/${i % 7}/${String(i).padStart(4, '0')}`);
    await plant(store, [...keys, 'many', 'many-others']);
    const sorted = [...keys].sort(compareKeys);
    assert.deepEqual(await listed(store, 'many'), sorted);
    assert.deepEqual(await listed(store, 'many', { limit: 150 }), sorted.slice(0, 150));
    assert.deepEqual(
      await listed(store, 'many/3', { recursive: false }),
      sorted.filter((key) => key.startsWith('many/3/')),
    );
    assert.deepEqual(await listed(store, 'many', { after: sorted[199] as string }), sorted.slice(200));
    await store.deleteTree('many');
    assert.deepEqual(await store.list('', { keysOnly: true }), ['many', 'many-others']);
  }),

  conformanceCase('scan/sees-each-lasting-key-once-while-others-come-and-go', async ({ open }) => {
    const [store, other] = [await open(), await open()];
    const lasting = Array.from({ length: 240 }, (_, i) => `dir/${String(i).padStart(4, '0')}`);
    await plant(store, lasting);
    const seen: string[] = [];
    for await (const { key } of store.scan('dir')) {
      if (seen.length % 40 === 0) {
        await other.put(`${key}-new`, '');
        await other.put(`dir/0000-new${seen.length}`, '');
        await other.delete(`${lasting[seen.length]}-new`);
      }
      seen.push(key);
    }
    assert.deepEqual(seen, [...new Set(seen)].sort(compareKeys), 'a key came twice, or out of order');
    assert.deepEqual(
      seen.filter((key) => !key.includes('new')),
      lasting,
    );
  }),

  conformanceCase('scan/can-be-left-early', async ({ open }) => {
    const store = await open();
    await plant(store, tree);
    for await (const { key } of store.scan('')) {
      assert.equal(key, 'A/b');
      break;
    }
    const scan = store.scan('a');
    assert.equal((await scan.next()).value?.key, 'a/b');
    await scan.return();
    assert.deepEqual(await scan.next(), { done: true, value: undefined });
  }),
];
