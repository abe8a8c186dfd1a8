import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { KVPair } from '../../pair.ts';
import type { Store } from '../../store.ts';
import { bytesOf, textOf } from '../bytes.ts';
import { conformanceCase } from '../case.ts';
import { expectError } from '../expect-error.ts';
import { transact } from '../transact.ts';

const everyByte = Uint8Array.from({ length: 256 }, (_, i) => i);

const payloads: Record<string, Uint8Array> = {
  empty: new Uint8Array(),
  'one zero byte': new Uint8Array(1),
  'every byte': everyByte,
  'not UTF-8': Uint8Array.of(0xc3, 0x28, 0xff, 0xfe, 0xed, 0xa0, 0x80),
  'looks like base64': bytesOf('aGVsbG8='),
  'looks like JSON': bytesOf('null'),
  'a byte order mark': Uint8Array.of(0xef, 0xbb, 0xbf, 0x61),
  'line ends': bytesOf('\r\n\n\r'),
  // More than one packet, and more than most buffers.
  '200,000 bytes': Uint8Array.from({ length: 200_000 }, (_, i) => (i * 31) ^ (i >> 8)),
};

/** Every way to read the pair of a key. */
async function allReads(store: Store, key: string): Promise<KVPair[]> {
  const reads = [
    [await store.get(key)],
    await store.getMany([key]),
    (await store.list('')).filter((pair) => pair.key === key),
    (await Array.fromAsync(store.scan(''))).filter((pair) => pair.key === key),
  ];
  return reads.map(([pair]) => {
    assert(pair !== undefined);
    return pair;
  });
}

export const values = [
  conformanceCase('values/any-bytes-round-trip', async ({ open, capabilities }) => {
    const [store, other] = [await open(), await open()];
    for (const [name, payload] of Object.entries(payloads)) {
      if (payload.byteLength > capabilities.maxValueBytes) continue;
      const written = await store.put('key', payload);
      assert.deepEqual(written.value, payload, `put of ${name}`);
      for (const read of await allReads(other, 'key')) assert.deepEqual(read.value, payload, `reads of ${name}`);
    }
  }),

  conformanceCase('values/empty-is-not-absent', async ({ open }) => {
    const store = await open();
    const written = await store.put('empty', '');
    assert.deepEqual(await store.get('empty'), written);
    assert.equal(written.value.byteLength, 0);
    assert.equal(await store.exists('empty'), true);
    assert.deepEqual(await store.list(''), [written]);
    await expectError(store.atomicPut('empty', '', null), 'KV_KEY_EXISTS');
    assert.equal(await store.delete('empty'), true);
    assert.equal(await store.get('empty'), undefined);
  }),

  conformanceCase('values/strings-are-stored-as-utf-8', async ({ open }) => {
    const store = await open();
    const texts = ['plain', 'ünïcode', '日本語', '🎉', '\ufeffmark', 'a\u0000b'];
    for (const text of texts) {
      await store.put('text', text);
      assert.deepEqual((await store.get('text'))?.value, bytesOf(text));
    }
  }),

  conformanceCase('values/come-back-as-plain-uint8arrays', async ({ open, capabilities }) => {
    const store = await open();
    const written = [
      await store.put('key', Buffer.from('one')),
      await store.put('key', 'one'),
      await store.update('key', () => Buffer.from('one')),
      await store.atomicPut('other', Buffer.from('one'), null),
    ];
    if (capabilities.transaction) {
      const result = await transact(store, [{ type: 'put', key: 'third', value: Buffer.from('one') }]);
      assert(result.committed);
      written.push(result.pairs[0] as KVPair);
    }
    for (const { value } of [...written, ...(await allReads(store, 'key'))]) {
      assert.equal(Object.getPrototypeOf(value), Uint8Array.prototype, 'the class depends on the backend');
      assert.equal(textOf({ value } as KVPair), 'one');
    }
  }),

  conformanceCase('values/the-callers-array-stays-the-callers', async ({ open }) => {
    const store = await open();
    const pool = Buffer.from('[value]');
    const mine = pool.subarray(1, 6);
    const writing = store.put('key', mine);
    mine.fill(0x21);
    const written = await writing;
    assert.equal(textOf(written), 'value', 'a change after the call changed what was returned');
    assert.equal(textOf(await store.get('key')), 'value', 'a change after the call changed what was stored');

    const creating = store.atomicPut('other', pool, null);
    pool.fill(0x21);
    assert.equal(textOf(await creating), '[!!!!!]');
    assert.equal(textOf(await store.get('other')), '[!!!!!]');
  }),

  conformanceCase('values/the-readers-array-is-the-readers', async ({ open }) => {
    const [store, other] = [await open(), await open()];
    const written = await store.put('key', 'value');
    written.value.fill(0x21);
    for (const client of [store, other]) {
      for (const read of await allReads(client, 'key')) {
        assert.equal(textOf(read), 'value', 'a change of what one call returned is seen by another');
        read.value.fill(0x21);
      }
    }
    await nextTurn();
    assert.equal(textOf(await store.get('key')), 'value');
  }),

  conformanceCase('values/up-to-the-limit-are-stored-and-over-it-refused', async ({ open, capabilities, random }) => {
    const [store, other] = [await open(), await open()];
    const { maxValueBytes } = capabilities;
    assert(Number.isSafeInteger(maxValueBytes) && maxValueBytes >= 1_000, `maxValueBytes is ${maxValueBytes}`);
    const largest = new Uint8Array(maxValueBytes).map(() => random() * 256);
    const tooLarge = new Uint8Array(maxValueBytes + 1);
    const refusal = { outcome: 'not-applied', retryable: false } as const;

    const written = await store.put('key', largest);
    assert(Buffer.from(written.value).equals(largest));
    for (const read of await allReads(other, 'key')) assert(Buffer.from(read.value).equals(largest));
    const error = await expectError(store.put('key', tooLarge), 'KV_VALUE_TOO_LARGE', { ...refusal, key: 'key' });
    for (const size of [maxValueBytes, maxValueBytes + 1]) assert.match(error.message, new RegExp(`\\b${size}\\b`));
    assert.equal((await other.get('key'))?.revision, written.revision, 'a refused write was applied');

    const replaced = await store.atomicPut('key', largest.reverse(), written);
    assert(Buffer.from((await other.get('key'))?.value ?? []).equals(replaced.value));
    await expectError(store.atomicPut('key', tooLarge, replaced), 'KV_VALUE_TOO_LARGE', refusal);
    await expectError(
      store.update('key', () => tooLarge),
      'KV_VALUE_TOO_LARGE',
      refusal,
    );
    if (capabilities.transaction) {
      await expectError(transact(store, [{ type: 'put', key: 'key', value: tooLarge }]), 'KV_VALUE_TOO_LARGE', refusal);
    }
  }),

  conformanceCase('values/several-large-ones-come-back-in-one-list', async ({ open, capabilities }) => {
    const store = await open();
    const size = Math.min(capabilities.maxValueBytes, 400_000);
    for (const key of ['a', 'b', 'c', 'd', 'e', 'f'])
      await store.put(key, new Uint8Array(size).fill(key.charCodeAt(0)));
    for (const pairs of [await store.list(''), await Array.fromAsync(store.scan(''))]) {
      assert.deepEqual(
        pairs.map(({ key }) => key),
        ['a', 'b', 'c', 'd', 'e', 'f'],
      );
      for (const { key, value } of pairs) {
        assert.equal(value.byteLength, size);
        assert(value.every((byte) => byte === key.charCodeAt(0)));
      }
    }
  }),
];
