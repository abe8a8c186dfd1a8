import assert from 'node:assert/strict';
import { compareKeys, maxKeyBytes } from '../../key.ts';
import type { Store } from '../../store.ts';
import { textOf } from '../bytes.ts';
import { conformanceCase } from '../case.ts';
import { expectError } from '../expect-error.ts';

/** Segments that have meant something else to some server, client, shell, URL or JavaScript object. */
const nastySegments = [
  ...[
    'zookeeper',
    'consul',
    'registry',
    'config',
    'quota',
    'lock',
    '.lock',
    '_lock',
    '__lock__',
    'x.lock',
    'lock-0000000001',
  ],
  ...['_c_1d2b-lock-0000000000', 'latch-0000000000', 'lease', '.leader', '___lock'],
  ...[' ', 'a b', ' leading', 'trailing ', '\u00a0', '\u2003', '+', 'a+b'],
  ...['%', '%2f', '%2F', '%25', 'a%2fb', '%00', '%zz', '%C3%A9', '%252f'],
  ...['...', '..a', 'a..', '.a', 'a.', 'a.b', '....', '~', '-', '--', '_', '__', '=', '=a', 'a=b'],
  ...['?', '?raw', 'a?keys&recurse', '#', 'a#b', '&', ';', ':', ',', '@', '!', '$', '$HOME', '*', '^', '|', '<>'],
  ...['(a)', '[a]', '{a}', '{{a}}', "'", '"', '`', '\\', 'a\\b', '\\u0041', '\\0', "' or 1=1 --"],
  ...['A', 'a', 'ä', 'a\u0308', 'é', 'e\u0301', 'ß', 'SS', 'İ', 'ı', 'K', '\u212a'],
  ...[
    '日本語',
    'ключ',
    'مفتاح',
    '\u202ertl',
    '\u200b',
    '\u200d',
    '\u2028',
    '\u2029',
    '\ufeff',
    '\ufffd',
    '\uffff',
    '\ue000',
    '\uff5e',
  ],
  ...['🎉', '👩‍👩‍👧', '🇪🇺', '😀a', '\u{10000}', '\u{10ffff}', '\u{1d306}'],
  ...[
    '0',
    '00',
    '-1',
    '1e3',
    'null',
    'undefined',
    'true',
    'NaN',
    '__proto__',
    'constructor',
    'toString',
    'hasOwnProperty',
  ],
];

/** Each rule, with directories and keys that break it. */
const invalidKeys = [
  ['empty segment', 'a//b'],
  ['empty segment', '/a//b/'],
  ['segment `.`', '.'],
  ['segment `.`', './a'],
  ['segment `.`', 'a/./b'],
  ['segment `.`', 'a/.'],
  ['segment `..`', '..'],
  ['segment `..`', 'a/../b'],
  ['segment `..`', '/../a'],
  ['control character', 'a\u0000'],
  ['control character', 'a\nb'],
  ['control character', '\t'],
  ['control character', 'a/\u001f'],
  ['control character', '\u007f'],
  ['control character', 'a\u0085b'],
  ['control character', '\u009f'],
  ['lone surrogate', '\ud800'],
  ['lone surrogate', 'a\udc00b'],
  ['lone surrogate', '\ude00\ud83d'],
  ['512', 'k'.repeat(maxKeyBytes + 1)],
  ['512', 'é'.repeat(maxKeyBytes / 2 + 1)],
  ['512', `${'a/'.repeat(300)}a`],
] as const;

const keyOnly = ['', '/', '//'];
const notStrings = [undefined, null, 7, {}, ['a']] as unknown as string[];

/** Every call that takes a key, and every call that takes a directory. */
const keyCalls: Record<string, (store: Store, key: string) => unknown> = {
  put: (store, key) => store.put(key, ''),
  get: (store, key) => store.get(key),
  exists: (store, key) => store.exists(key),
  delete: (store, key) => store.delete(key),
  getMany: (store, key) => store.getMany(['a', key]),
  atomicPut: (store, key) => store.atomicPut(key, '', null),
  atomicDelete: (store, key) => store.atomicDelete(key, { key, revision: '1' as never }),
  watch: (store, key) => firstOf(store.watch(key)),
  lock: (store, key) => store.lock(key),
  tryLock: (store, key) => store.tryLock(key),
  lockHolder: (store, key) => store.lockHolder(key),
  namespace: (store, key) => store.namespace(key),
};
const directoryCalls: Record<string, (store: Store, directory: string) => unknown> = {
  list: (store, directory) => store.list(directory),
  scan: (store, directory) => firstOf(store.scan(directory)),
  deleteTree: (store, directory) => store.deleteTree(directory),
  watchTree: (store, directory) => firstOf(store.watchTree(directory)),
};

async function firstOf(iterable: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of iterable) return;
}

export const keys = [
  conformanceCase('keys/slashes-around-a-key-do-not-matter', async ({ open }) => {
    const store = await open();
    const forms = ['a/b', '/a/b', 'a/b/', '/a/b/', '///a/b//'];
    const written = await store.put('//a/b///', 'value');
    assert.equal(written.key, 'a/b');
    for (const form of forms) {
      assert.deepEqual(await store.get(form), written, `get ${form}`);
      assert.equal(await store.exists(form), true, `exists ${form}`);
      await expectError(store.atomicPut(form, 'x', null), 'KV_KEY_EXISTS', { key: 'a/b' });
    }
    for (const form of ['a', '/a', 'a/', '/a/']) assert.deepEqual(await store.list(form), [written], `list ${form}`);
    const next = await store.atomicPut('/a/b', 'next', { ...written, key: 'a/b/' });
    assert.equal(next.key, 'a/b');
    await store.atomicDelete('a/b/', next);
    assert.equal(await store.exists('a/b'), false);
  }),

  conformanceCase('keys/nasty-segments-round-trip', async ({ open }) => {
    const [store, other] = [await open(), await open()];
    const sorted = [...nastySegments].sort(compareKeys);
    await Promise.all(nastySegments.map((segment) => store.put(segment, `value of ${segment}`)));
    assert.deepEqual(await other.list('', { keysOnly: true }), sorted);
    for (const pair of await other.list('')) assert.equal(textOf(pair), `value of ${pair.key}`);
    const pairs = await other.getMany(nastySegments);
    assert.deepEqual(
      pairs.map((pair) => pair?.key),
      nastySegments,
    );
    const gone = nastySegments.filter((_, i) => i % 2 === 0);
    const deleted = await Promise.all(gone.map((segment) => other.delete(segment)));
    assert(deleted.every(Boolean));
    const left = await store.list('', { keysOnly: true });
    assert.deepEqual(
      left,
      sorted.filter((segment) => !gone.includes(segment)),
    );
  }),

  conformanceCase('keys/nasty-segments-are-directories-too', async ({ open }) => {
    const store = await open();
    await Promise.all(nastySegments.map((segment) => store.put(`${segment}/${segment}/leaf`, segment)));
    const leaves = nastySegments.map((segment) => `${segment}/${segment}/leaf`).sort(compareKeys);
    assert.deepEqual(await store.list('', { keysOnly: true }), leaves);
    await Promise.all(
      nastySegments.map(async (segment) => {
        assert.deepEqual(await store.list(segment, { keysOnly: true }), [`${segment}/${segment}/leaf`]);
        assert.equal(await store.exists(segment), false);
      }),
    );
    await store.deleteTree('%2f');
    await store.deleteTree('zookeeper');
    const left = leaves.filter((key) => !key.startsWith('%2f/') && !key.startsWith('zookeeper/'));
    assert.deepEqual(await store.list('', { keysOnly: true }), left);
  }),

  conformanceCase(
    'keys/of-the-greatest-length-round-trip',
    async ({ open, namespace }) => {
      // One of the keys has 250 segments, and ZooKeeper is asked for one after the other.
      const store = await open({ timeout: 30_000 });
      const room = maxKeyBytes - namespace.length - 1;
      const longest = [
        'k'.repeat(room),
        'é'.repeat(room / 2) + 'x'.repeat(room % 2),
        '🎉'.repeat(room / 4) + 'x'.repeat(room % 4),
        ' '.repeat(room - 1).concat('x'),
        '%'.repeat(room),
        `${'d/'.repeat(room / 2 - 1)}${'e'.repeat(2 + (room % 2))}`,
      ];
      for (const key of longest) {
        assert.equal(Buffer.byteLength(key), room);
        const written = await store.put(key, 'value');
        assert.deepEqual(await store.get(key), written);
        await expectError(store.put(`${key}x`, 'value'), 'KV_INVALID_KEY', {
          operation: 'put',
          outcome: 'not-applied',
        });
        await expectError(store.get(`${key}x`), 'KV_INVALID_KEY', { operation: 'get' });
      }
      assert.deepEqual(await store.list('', { keysOnly: true }), [...longest].sort(compareKeys));
      for (const key of longest) assert.equal(await store.delete(key), true);
      assert.deepEqual(await store.list(''), []);
    },
    { timeout: 90_000 },
  ),

  conformanceCase('keys/deep-trees-hold-values-on-every-level', async ({ open }) => {
    const store = await open();
    const path = Array.from({ length: 60 }, (_, i) => `d${i}`);
    const levels = path.map((_, i) => path.slice(0, i + 1).join('/'));
    for (const key of [...levels].reverse()) await store.put(key, key);
    assert.deepEqual((await store.list('')).map(textOf), levels);
    assert.deepEqual(await store.list(levels[29] as string, { keysOnly: true }), levels.slice(30));
    assert.equal(await store.delete(levels[30] as string), true);
    await store.deleteTree(levels[40] as string);
    assert.deepEqual(await store.list('', { keysOnly: true }), [...levels.slice(0, 30), ...levels.slice(31, 41)]);
  }),

  conformanceCase('keys/that-break-a-rule-are-refused-by-every-call', async ({ open }) => {
    const store = await open();
    const check = async (
      operation: string,
      call: (store: Store, key: string) => unknown,
      key: string,
      rule: string,
    ) => {
      const pending = (async () => call(store, key))();
      const error = await expectError(pending, 'KV_INVALID_KEY', { operation });
      assert(error.message.includes(rule), `the message does not name the rule (${rule}): ${error.message}`);
    };
    for (const [operation, call] of Object.entries(keyCalls)) {
      for (const [rule, key] of invalidKeys) await check(operation, call, key, rule);
      for (const key of keyOnly) await check(operation, call, key, 'empty');
      for (const key of notStrings) await check(operation, call, key, 'string');
    }
    for (const [operation, call] of Object.entries(directoryCalls)) {
      for (const [rule, directory] of invalidKeys) await check(operation, call, directory, rule);
      for (const directory of notStrings) await check(operation, call, directory, 'string');
    }
    assert.deepEqual(await store.list(''), []);
  }),
];
