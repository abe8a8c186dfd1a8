import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import { bytes, json, text } from '../../codec.ts';
import type { KvError } from '../../error.ts';
import { openStore } from '../../open-store.ts';
import type { StandardSchema } from '../../standard-schema.ts';
import { bytesOf } from '../bytes.ts';
import { conformanceCase } from '../case.ts';
import { expectError } from '../expect-error.ts';

interface Endpoint {
  readonly host: string;
  readonly port: number;
}

/** What zod and others would make: it accepts ports as strings, and turns them into numbers. */
const endpointSchema: StandardSchema<Endpoint> = {
  '~standard': {
    version: 1,
    vendor: 'conformance',
    validate(value) {
      const { host, port } = (value ?? {}) as Partial<Record<keyof Endpoint, unknown>>;
      if (typeof host !== 'string') return { issues: [{ message: `${host} is no host`, path: ['host'] }] };
      const number = Number(port);
      if (!Number.isInteger(number)) return { issues: [{ message: `${port} is no port`, path: [{ key: 'port' }] }] };
      return { value: { host, port: number } };
    },
  },
};

const secret = 'hunter2';

export const codecs = [
  conformanceCase('codecs/json-round-trips-in-every-call', async ({ open }) => {
    const raw = await open();
    const store = raw.withCodec(json<Endpoint>(endpointSchema));
    const endpoint = { host: 'db', port: 5432 };
    const written = await store.put('dir/key', endpoint);
    assert.deepEqual(written.value, endpoint);
    assert.deepEqual((await raw.get('dir/key'))?.value, bytesOf('{"host":"db","port":5432}'));
    assert.deepEqual(await store.get('dir/key'), written);
    assert.deepEqual(await store.getMany(['dir/key']), [written]);
    assert.deepEqual(await store.list('dir'), [written]);
    assert.deepEqual(await Array.fromAsync(store.scan('dir')), [written]);
    const next = await store.update('dir/key', (pair) => ({ host: 'db', port: (pair?.value.port ?? 0) + 1 }));
    assert.deepEqual(next.value, { host: 'db', port: 5433 });
    assert.deepEqual((await store.atomicPut('dir/key', endpoint, next)).value, endpoint);
  }),

  conformanceCase('codecs/json-takes-every-json-value', async ({ open }) => {
    const store = (await open()).withCodec(json());
    for (const value of [null, false, 0, '', 'ünïcode 🎉', [], {}, [null], { deep: { er: [1.5, 'x'] } }, 1e300]) {
      assert.deepEqual((await store.put('key', value)).value, value);
      assert.deepEqual((await store.get('key'))?.value, value);
    }
  }),

  conformanceCase('codecs/a-schema-makes-what-readers-and-writers-see', async ({ open }) => {
    const raw = await open();
    const store = raw.withCodec(json<Endpoint>(endpointSchema));
    await raw.put('key', '{"host":"db","port":"80","extra":true}');
    assert.deepEqual((await store.get('key'))?.value, { host: 'db', port: 80 });
    const written = await store.put('key', { host: 'db', port: '81' as never });
    assert.deepEqual(written.value, { host: 'db', port: 81 }, 'the writer sees what a reader would not');
  }),

  conformanceCase('codecs/bad-bytes-are-told-with-key-and-revision-and-without-the-value', async ({ open, driver }) => {
    const raw = (await open()).namespace('inner');
    const { name } = await driver();
    const store = raw.withCodec(json<Endpoint>(endpointSchema));
    const bad: Record<string, string | Uint8Array> = {
      'not JSON': `{"${secret}`,
      empty: '',
      'not UTF-8': Uint8Array.of(0x22, 0xff, 0x22),
      'not of the schema': `{"host":5,"${secret}":"${secret}"}`,
      'not of the schema below': `{"host":"${secret}","port":"${secret}"}`,
    };
    for (const [what, value] of Object.entries(bad)) {
      const { revision } = await raw.put('dir/key', value);
      const check = async (operation: string, pending: Promise<unknown>): Promise<KvError> => {
        const fields = { operation, key: 'dir/key', revision, driver: name, retryable: false } as const;
        const error = await expectError(pending, 'KV_DECODE_FAILED', fields);
        assert(error.message.includes(revision), `${what}: no revision in: ${error.message}`);
        assert(!error.message.includes(secret), `${what}: the value is in: ${error.message}`);
        return error;
      };
      const { cause } = await check('get', store.get('dir/key'));
      if (what.startsWith('not of')) assert(!inspect(cause).includes(secret), `the cause tells: ${inspect(cause)}`);
      await check('getMany', store.getMany(['absent', 'dir/key']));
      await check('list', store.list('dir'));
      await check('scan', store.scan('').next());
      // What does not need the value works, and repairs.
      assert.equal(await store.exists('dir/key'), true);
      assert.deepEqual(await store.list('dir', { keysOnly: true }), ['dir/key']);
    }
    assert.deepEqual((await store.put('dir/key', { host: 'db', port: 1 })).value, { host: 'db', port: 1 });
    assert.equal(await store.delete('dir/key'), true);
  }),

  conformanceCase('codecs/what-cannot-be-encoded-is-refused', async ({ open }) => {
    const raw = await open();
    const store = raw.withCodec(json());
    const circular: Record<string, unknown> = { secret };
    circular['self'] = circular;
    for (const value of [undefined, () => secret, Symbol(secret), 1n, circular]) {
      const fields = { key: 'key', outcome: 'not-applied', retryable: false } as const;
      const error = await expectError(store.put('key', value), 'KV_INVALID_ARGUMENT', { ...fields, operation: 'put' });
      assert(!error.message.includes(secret));
      await expectError(store.atomicPut('key', value, null), 'KV_INVALID_ARGUMENT', fields);
    }
    const strict = raw.withCodec(json<Endpoint>(endpointSchema));
    await expectError(strict.put('key', { host: 7 } as never), 'KV_INVALID_ARGUMENT', { key: 'key' });
    assert.equal(await raw.exists('key'), false);
  }),

  conformanceCase('codecs/schemas-that-answer-later-are-refused', async ({ open }) => {
    const raw = await open();
    const later: StandardSchema<string> = {
      '~standard': { version: 1, vendor: 'conformance', validate: async (value) => ({ value: String(value) }) },
    };
    await raw.put('key', '"text"');
    await expectError(raw.withCodec(json(later)).get('key'), 'KV_DECODE_FAILED', { key: 'key' });
  }),

  conformanceCase('codecs/text-is-utf-8', async ({ open }) => {
    const raw = await open();
    const store = raw.withCodec(text());
    for (const value of ['', 'plain', '🎉 ünï', '\ufeffmark', 'a\u0000b']) {
      assert.equal((await store.put('key', value)).value, value);
      assert.equal((await store.get('key'))?.value, value);
      assert.deepEqual((await raw.get('key'))?.value, bytesOf(value));
    }
    const { revision } = await raw.put('key', Uint8Array.of(0xc3, 0x28));
    await expectError(store.get('key'), 'KV_DECODE_FAILED', { key: 'key', revision });
    await expectError(
      store.update('key', () => 'x'),
      'KV_DECODE_FAILED',
      { key: 'key', revision },
    );
    assert.deepEqual((await raw.withCodec(bytes()).get('key'))?.value, Uint8Array.of(0xc3, 0x28));
  }),

  conformanceCase('codecs/can-be-given-to-open-store', async ({ driver, namespace }) => {
    const store = await openStore(await driver(), { codec: json<Endpoint>(endpointSchema) });
    try {
      const view = store.namespace(namespace);
      const written = await view.put('key', { host: 'db', port: 1 });
      assert.deepEqual((await view.get('key'))?.value, written.value);
      await expectError(view.put('key', 'text' as never), 'KV_INVALID_ARGUMENT');
    } finally {
      await store.close();
    }
  }),

  conformanceCase('codecs/of-the-users-own-work', async ({ open }) => {
    const raw = await open();
    const numbers = raw.withCodec<number, number>({
      encode: (value) => Uint8Array.of(value),
      decode: ([value]) => {
        if (value === undefined) throw new Error('no byte');
        return value;
      },
    });
    assert.equal((await numbers.put('key', 7)).value, 7);
    assert.equal((await numbers.update('key', (pair) => (pair?.value ?? 0) * 2)).value, 14);
    assert.deepEqual((await raw.get('key'))?.value, Uint8Array.of(14));
    await raw.put('key', '');
    await expectError(numbers.get('key'), 'KV_DECODE_FAILED');
  }),
];
