import assert from 'node:assert/strict';
import { KvError } from '@kv/core';
import { describe, test } from 'vitest';

const call = { operation: 'put', key: 'a/b', driver: 'memory', write: true } as const;

describe('KvError', () => {
  test('names the call that it happened in', () => {
    const error = new KvError('KV_KEY_EXISTS', 'the key exists', { outcome: 'not-applied' }).within(call);
    assert.equal(error.message, 'put "a/b" on memory: the key exists');
    assert.equal(error.key, 'a/b');
    const outer = error.within({ ...call, operation: 'lock', key: 'other' });
    assert.equal(outer.message, 'lock "other" on memory: the key exists');
  });

  test('without a key, names the operation alone', () => {
    const error = new KvError('KV_UNAVAILABLE', 'gone').within({ operation: 'session', driver: 'memory', write: true });
    assert.equal(error.message, 'session on memory: gone');
  });

  test('keeps the cause and the place where it was made', () => {
    const cause = new Error('socket hang up');
    const inner = new KvError('KV_UNAVAILABLE', 'gone', { cause });
    const error = inner.within(call);
    assert.equal(error.cause, cause);
    assert.equal(error.stack?.split('\n    at ')[1], inner.stack?.split('\n    at ')[1]);
    assert(error.stack?.startsWith(`KvError: ${error.message}`));
    assert(!('cause' in new KvError('KV_CLOSED', 'closed')));
  });

  test('is not retryable where a write may have been applied', () => {
    const unknown = new KvError('KV_TIMEOUT', 'no answer', { retryable: true, outcome: 'unknown' });
    assert.equal(unknown.within(call).retryable, false);
    assert.equal(unknown.within(call).outcome, 'unknown');
    const read = unknown.within({ ...call, operation: 'get', write: false });
    assert.equal(read.retryable, true);
    assert.equal(read.outcome, undefined);
  });

  test('of a write that says nothing was not applied', () => {
    assert.equal(new KvError('KV_INVALID_KEY', 'bad').within(call).outcome, 'not-applied');
  });

  test('is known across two copies of the package', () => {
    const foreign = Object.assign(new Error('from another copy'), {
      [Symbol.for('@kv/core/KvError')]: true,
      code: 'KV_TIMEOUT',
    });
    assert(KvError.is(foreign));
    assert(KvError.is(foreign, 'KV_TIMEOUT'));
    assert(!KvError.is(foreign, 'KV_CLOSED' as never));
    for (const other of [new Error('KV_TIMEOUT'), { code: 'KV_TIMEOUT' }, null, undefined, 'KV_TIMEOUT']) {
      assert.equal(KvError.is(other), false);
    }
  });
});
