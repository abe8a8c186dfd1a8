import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import { KvError } from '../../error.ts';
import { conformanceCase } from '../case.ts';
import { expectError } from '../expect-error.ts';

const secret = 'hunter2-the-value';

export const errors = [
  conformanceCase('errors/tell-the-call-the-key-and-the-driver', async ({ open, driver }) => {
    const store = (await open()).namespace('inner');
    const { name } = await driver();
    const stale = await store.put('a/key', secret);
    await store.put('a/key', `${secret} too`);
    const all = { key: 'a/key', driver: name, outcome: 'not-applied', retryable: false } as const;
    const failures = [
      await expectError(store.atomicPut('/a/key/', secret, null), 'KV_KEY_EXISTS', { ...all, operation: 'atomicPut' }),
      await expectError(store.atomicPut('a/key', secret, stale), 'KV_KEY_MODIFIED', { ...all, operation: 'atomicPut' }),
      await expectError(store.atomicDelete('a/key', stale), 'KV_KEY_MODIFIED', { ...all, operation: 'atomicDelete' }),
    ];
    await store.delete('a/key');
    failures.push(
      await expectError(store.atomicPut('a/key', secret, stale), 'KV_KEY_NOT_FOUND', {
        ...all,
        operation: 'atomicPut',
      }),
      await expectError(store.atomicDelete('a/key', stale), 'KV_KEY_NOT_FOUND', { ...all, operation: 'atomicDelete' }),
    );
    for (const error of failures) {
      assert(error instanceof Error);
      assert.equal(error instanceof KvError, true);
      assert.equal(error.name, 'KvError');
      assert(KvError.is(error, error.code));
      assert.equal(KvError.is(error, 'KV_INTERNAL'), false);
      for (const part of [error.operation as string, '"a/key"', name]) {
        assert(error.message.includes(part), `the message lacks ${part}: ${error.message}`);
      }
      assert.match(error.stack as string, /^KvError: /);
      assert(!inspect(error, { depth: 10 }).includes(secret), `the error tells the value: ${inspect(error)}`);
    }
  }),

  conformanceCase('errors/of-reads-have-no-outcome', async ({ open, driver }) => {
    const store = await open();
    const { name } = await driver();
    const reads = {
      get: () => store.get('..'),
      exists: () => store.exists('..'),
      list: () => store.list('..'),
      getMany: () => store.getMany(['..']),
    };
    for (const [operation, read] of Object.entries(reads)) {
      const error = await expectError(read(), 'KV_INVALID_KEY', { operation, driver: name, retryable: false });
      assert.equal(error.outcome, undefined, operation);
    }
    const writes = {
      put: () => store.put('..', secret),
      delete: () => store.delete('..'),
      atomicPut: () => store.atomicPut('..', secret, null),
      deleteTree: () => store.deleteTree('..'),
    };
    for (const [operation, write] of Object.entries(writes)) {
      const error = await expectError(write(), 'KV_INVALID_KEY', { operation, driver: name, outcome: 'not-applied' });
      assert(!error.message.includes(secret));
    }
  }),

  conformanceCase('errors/too-large-values-are-not-quoted', async ({ open, capabilities }) => {
    const store = await open();
    const large = secret.repeat(Math.ceil((capabilities.maxValueBytes + 1) / secret.length));
    const fields = { operation: 'put', key: 'key', outcome: 'not-applied' } as const;
    const error = await expectError(store.put('key', large), 'KV_VALUE_TOO_LARGE', fields);
    assert(!inspect(error, { depth: 10 }).includes(secret));
    assert.equal(await store.exists('key'), false);
  }),
];
