import assert from 'node:assert/strict';
import type { KVPair } from '../../pair.ts';
import type { Condition, Operation } from '../../transaction.ts';
import { textOf } from '../bytes.ts';
import { type CaseOptions, conformanceCase } from '../case.ts';
import { expectError } from '../expect-error.ts';
import { transact } from '../transact.ts';

type Put = Operation<Uint8Array | string>;

const needed: CaseOptions = { needs: ['transaction'] };
const put = (key: string, value: string): Put => ({ type: 'put', key, value });
const remove = (key: string): Put => ({ type: 'delete', key });

export const transaction = [
  conformanceCase(
    'transaction/applies-all-operations-and-returns-the-pairs',
    async ({ open }) => {
      const [store, other] = [await open(), await open()];
      const old = await store.put('old', 'one');
      await store.put('gone', '');
      const operations = [put('/new/', 'created'), remove('gone'), put('old', 'two'), remove('never/there')];
      const result = await transact(store, operations);
      assert(result.committed);
      const [created, gone, replaced, absent] = result.pairs;
      assert.equal(result.pairs.length, 4);
      assert.deepEqual([gone, absent], [undefined, undefined]);
      assert.equal(created?.key, 'new');
      assert.equal(textOf(created), 'created');
      assert.equal(textOf(replaced), 'two');
      assert.equal(replaced?.createRevision, old.createRevision);
      assert.notEqual(replaced?.revision, old.revision);
      assert.deepEqual(await other.list(''), [created, replaced]);
      await other.atomicPut('new', 'next', created);
      await other.atomicDelete('old', replaced as KVPair);
    },
    needed,
  ),

  conformanceCase(
    'transaction/is-applied-exactly-if-all-conditions-hold',
    async ({ open }) => {
      const [store, other] = [await open(), await open()];
      const stale = await store.put('present', 'one');
      const current = await store.put('present', 'two');
      await store.put('present/child', '');
      const holding: Record<string, Condition> = {
        'a revision': { key: 'present', revision: current.revision },
        'of a key not canonical': { key: '/present/', revision: current.revision },
        existence: { key: 'present', exists: true },
        absence: { key: 'absent', exists: false },
      };
      const failing: Record<string, Condition> = {
        'a stale revision': { key: 'present', revision: stale.revision },
        'a revision of an absent key': { key: 'absent', revision: current.revision },
        'existence of an absent key': { key: 'absent', exists: true },
        'existence of a key by its prefix': { key: 'presen', exists: true },
        'absence of a present key': { key: 'present', exists: false },
      };
      let count = 0;
      const attempt = async (conditions: readonly Condition[]) => {
        const key = `target/${count++}`;
        const { committed } = await transact(store, [put(key, 'new'), remove('never')], conditions);
        assert.equal(await other.exists(key), committed, 'what was told is not what was done');
        return committed;
      };
      assert.equal(await attempt([]), true);
      for (const [name, condition] of Object.entries(holding)) assert.equal(await attempt([condition]), true, name);
      assert.equal(await attempt(Object.values(holding)), true);
      for (const [name, condition] of Object.entries(failing)) {
        assert.equal(await attempt([condition]), false, name);
        assert.equal(await attempt([...Object.values(holding), condition]), false, `${name}, after others that hold`);
        assert.equal(await attempt([condition, ...Object.values(holding)]), false, `${name}, before others that hold`);
      }
    },
    needed,
  ),

  conformanceCase(
    'transaction/that-fails-changes-nothing',
    async ({ open }) => {
      const [store, other] = [await open(), await open()];
      const pairs = [await store.put('a', '1'), await store.put('b', '2'), await store.put('c/d', '3')];
      const operations = [put('a', 'changed'), remove('b'), put('new', 'created'), put('c', 'parent')];
      const result = await transact(store, operations, [
        { key: 'a', exists: true },
        { key: 'c/d', exists: false },
      ]);
      assert.deepEqual(result, { committed: false });
      assert.deepEqual(await other.list(''), pairs);
    },
    needed,
  ),

  conformanceCase(
    'transaction/conditions-and-operations-meet-on-one-key',
    async ({ open }) => {
      const store = await open();
      const create = [{ key: 'key', exists: false }] as const;
      const created = await transact(store, [put('key', 'one')], create);
      assert(created.committed);
      assert.equal((await transact(store, [put('key', 'two')], create)).committed, false);
      const known = [{ key: 'key', revision: (created.pairs[0] as KVPair).revision }] as const;
      assert.equal((await transact(store, [put('key', 'two')], known)).committed, true);
      assert.equal((await transact(store, [remove('key')], known)).committed, false);
      assert.equal(textOf(await store.get('key')), 'two');
      assert.equal((await transact(store, [remove('key')], [{ key: 'key', exists: true }])).committed, true);
      assert.equal(await store.exists('key'), false);
    },
    needed,
  ),

  conformanceCase(
    'transaction/leaves-children-and-parents-alone',
    async ({ open }) => {
      const store = await open();
      await store.put('a/b/c', 'child');
      assert.equal((await transact(store, [remove('a/b'), put('a', 'parent'), put('x/y/z', 'deep')])).committed, true);
      assert.deepEqual(await store.list('', { keysOnly: true }), ['a', 'a/b/c', 'x/y/z']);
      assert.equal((await transact(store, [remove('a'), put('a/b', 'inner')])).committed, true);
      assert.deepEqual(await store.list('', { keysOnly: true }), ['a/b', 'a/b/c', 'x/y/z']);
      assert.equal((await transact(store, [remove('a/b'), remove('a/b/c')])).committed, true);
      assert.deepEqual(await store.list('', { keysOnly: true }), ['x/y/z']);
    },
    needed,
  ),

  conformanceCase(
    'transaction/with-two-operations-on-one-key-is-refused',
    async ({ open }) => {
      const store = await open();
      const pairs: Put[][] = [
        [put('a', '1'), put('a', '2')],
        [put('a', '1'), remove('a')],
        [remove('/a'), put('b', ''), remove('a/')],
      ];
      for (const operations of pairs) {
        await expectError(transact(store, operations), 'KV_INVALID_ARGUMENT', {
          operation: 'transaction',
          outcome: 'not-applied',
        });
      }
      assert.deepEqual(await store.list(''), []);
    },
    needed,
  ),

  conformanceCase(
    'transaction/up-to-the-limit-is-applied-and-over-it-refused',
    async ({ open, capabilities }) => {
      const store = await open();
      assert(capabilities.transaction);
      const { maxOperations } = capabilities.transaction;
      assert(Number.isSafeInteger(maxOperations) && maxOperations >= 2, `maxOperations is ${maxOperations}`);
      const puts = (count: number) => Array.from({ length: count }, (_, i) => put(`many/${i}`, String(i)));
      const full = await transact(store, puts(maxOperations));
      assert(full.committed);
      assert.equal((await store.list('many', { keysOnly: true })).length, maxOperations);
      const half = Math.floor(maxOperations / 2);
      const conditions = full.pairs
        .slice(half)
        .map((pair) => ({ key: pair?.key ?? '', revision: pair?.revision as never }));
      assert.equal((await transact(store, puts(half), conditions)).committed, true, 'conditions count too');
      const refused = { operation: 'transaction', outcome: 'not-applied', retryable: false } as const;
      await expectError(transact(store, puts(maxOperations + 1)), 'KV_INVALID_ARGUMENT', refused);
      await expectError(transact(store, puts(half + 1), conditions), 'KV_INVALID_ARGUMENT', refused);
    },
    needed,
  ),

  conformanceCase(
    'transaction/values-up-to-the-limit-together-are-applied-and-over-it-refused',
    async ({ open, capabilities }) => {
      const [store, other] = [await open(), await open()];
      assert(capabilities.transaction);
      const { maxBytes, maxOperations } = capabilities.transaction;
      assert(Number.isSafeInteger(maxBytes) && maxBytes >= 1_000, `maxBytes is ${maxBytes}`);
      const putsOf = (count: number, bytes: number): Put[] =>
        Array.from({ length: count }, (_, i) => {
          const size = Math.floor(bytes / count) + (i < bytes % count ? 1 : 0);
          // Keys of a length, and of characters, that take the most of what else is in the request.
          return { type: 'put', key: `${i}/${'"'.repeat(400)}`, value: new Uint8Array(size).fill(255) };
        });
      const fewest = Math.ceil((maxBytes + 1) / capabilities.maxValueBytes);
      for (const count of new Set([fewest, maxOperations])) {
        const full = await transact(store, putsOf(count, maxBytes));
        assert(full.committed);
        const stored = await other.list('');
        assert.deepEqual(
          stored.map(({ revision }) => revision).sort(),
          full.pairs.map((pair) => pair?.revision).sort(),
        );
        assert.equal(
          stored.reduce((sum, { value }) => sum + value.byteLength, 0),
          maxBytes,
        );
        const error = await expectError(transact(store, putsOf(count, maxBytes + 1)), 'KV_VALUE_TOO_LARGE', {
          operation: 'transaction',
          outcome: 'not-applied',
          retryable: false,
        });
        for (const size of [maxBytes, maxBytes + 1]) assert.match(error.message, new RegExp(`\\b${size}\\b`));
        assert.deepEqual(await other.list(''), stored, 'a refused transaction was applied');
        await store.deleteTree('');
      }
    },
    needed,
  ),

  conformanceCase(
    'transaction/transfers-by-many-clients-keep-the-sum',
    async ({ open, random }) => {
      const stores = await Promise.all(Array.from({ length: 3 }, () => open()));
      const accounts = ['a', 'b', 'c', 'd'];
      for (const account of accounts) await stores[0]?.put(account, '100');
      const transfer = async (store: (typeof stores)[0]) => {
        const [from, to] = accounts.map((name) => ({ name, rank: random() })).sort((x, y) => x.rank - y.rank);
        for (;;) {
          const [source, target] = await store.getMany([from?.name as string, to?.name as string]);
          assert(source && target);
          const operations = [
            put(source.key, String(Number(textOf(source)) - 1)),
            put(target.key, String(Number(textOf(target)) + 1)),
          ];
          if ((await transact(store, operations, [source, target])).committed) return;
        }
      };
      await Promise.all(
        stores.map(async (store) => {
          for (let i = 0; i < 8; i++) await transfer(store);
        }),
      );
      const balances = (await stores[0]?.list(''))?.map((pair) => Number(textOf(pair)));
      assert.equal(
        balances?.reduce((sum, balance) => sum + balance, 0),
        400,
        `balances: ${balances}`,
      );
    },
    needed,
  ),

  conformanceCase(
    'transaction/race-on-one-condition-has-one-winner',
    async ({ open }) => {
      const stores = await Promise.all(Array.from({ length: 5 }, () => open()));
      for (let round = 0; round < 5; round++) {
        const results = await Promise.all(
          stores.map((store, i) =>
            transact(
              store,
              [put(`race/${round}`, `from ${i}`), put(`of/${round}/${i}`, '')],
              [{ key: `race/${round}`, exists: false }],
            ),
          ),
        );
        assert.equal(results.filter(({ committed }) => committed).length, 1);
        assert.equal((await stores[0]?.list(`of/${round}`))?.length, 1, 'a transaction that failed left something');
      }
    },
    needed,
  ),
];
