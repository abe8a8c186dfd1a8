import assert from 'node:assert/strict';
import { test } from 'vitest';
import { isServerFault, isStaleToken, kvError } from '../src/errors.ts';

const cases: readonly (readonly [number, string, string, boolean, string])[] = [
  [14, 'No connection established. Last error: connect ECONNREFUSED', 'KV_UNAVAILABLE', true, 'not-applied'],
  [14, 'Channel closed before call started', 'KV_UNAVAILABLE', true, 'not-applied'],
  [14, 'Name resolution failed for target dns:etcd:2379', 'KV_UNAVAILABLE', true, 'not-applied'],
  [14, 'Connection dropped', 'KV_UNAVAILABLE', true, 'unknown'],
  [14, 'etcdserver: no leader', 'KV_UNAVAILABLE', true, 'not-applied'],
  [14, 'etcdserver: request timed out', 'KV_UNAVAILABLE', true, 'unknown'],
  [14, 'etcdserver: request timed out, possibly due to previous leader failure', 'KV_UNAVAILABLE', true, 'unknown'],
  [14, 'etcdserver: leader changed', 'KV_UNAVAILABLE', true, 'unknown'],
  [14, 'etcdserver: server stopped', 'KV_UNAVAILABLE', true, 'unknown'],
  [13, 'Received RST_STREAM with code 2 (Internal server error)', 'KV_UNAVAILABLE', true, 'unknown'],
  [13, 'grpc: error unmarshalling request', 'KV_INTERNAL', false, 'unknown'],
  [1, 'Call cancelled', 'KV_UNAVAILABLE', true, 'unknown'],
  [2, 'raft proposal dropped', 'KV_UNAVAILABLE', true, 'not-applied'],
  [2, 'etcdserver: something new', 'KV_INTERNAL', false, 'unknown'],
  [4, 'Deadline exceeded after 1s', 'KV_TIMEOUT', true, 'unknown'],
  [8, 'etcdserver: too many requests', 'KV_UNAVAILABLE', true, 'not-applied'],
  [8, 'etcdserver: mvcc: database space exceeded', 'KV_UNAVAILABLE', false, 'not-applied'],
  [8, 'grpc: received message larger than max (3 vs. 2)', 'KV_VALUE_TOO_LARGE', false, 'not-applied'],
  [3, 'etcdserver: request is too large', 'KV_VALUE_TOO_LARGE', false, 'not-applied'],
  [3, 'etcdserver: too many operations in txn request', 'KV_INVALID_ARGUMENT', false, 'not-applied'],
  [3, 'etcdserver: user name is empty', 'KV_PERMISSION_DENIED', false, 'not-applied'],
  [3, 'etcdserver: authentication failed, invalid user ID or password', 'KV_PERMISSION_DENIED', false, 'not-applied'],
  [7, 'etcdserver: permission denied', 'KV_PERMISSION_DENIED', false, 'not-applied'],
  [16, 'etcdserver: invalid auth token', 'KV_PERMISSION_DENIED', false, 'not-applied'],
  [5, 'etcdserver: requested lease not found', 'KV_SESSION_LOST', false, 'not-applied'],
  [12, 'unknown service etcdserverpb.KV', 'KV_UNSUPPORTED', false, 'not-applied'],
];

for (const [code, details, expected, retryable, outcome] of cases) {
  test(`${code} ${details}: ${expected}, ${outcome}`, () => {
    const cause = Object.assign(new Error(`${code}: ${details}`), { code, details });
    const error = kvError(cause);
    assert.deepEqual([error.code, error.retryable, error.outcome, error.cause], [expected, retryable, outcome, cause]);
  });
}

test('an error that is not of gRPC is internal, and its outcome unknown', () => {
  const error = kvError(new TypeError('x is not a function'));
  assert.deepEqual([error.code, error.retryable, error.outcome], ['KV_INTERNAL', false, 'unknown']);
});

test('what another server, or another token, may cure', () => {
  const status = (code: number, details: string) => ({ code, details });
  assert(isServerFault(status(14, 'etcdserver: no leader')));
  assert(isServerFault(status(4, 'Deadline exceeded')));
  assert(!isServerFault(status(7, 'etcdserver: permission denied')));
  assert(isStaleToken(status(16, 'etcdserver: invalid auth token')));
  assert(isStaleToken(status(3, 'etcdserver: revision of auth store is old')));
  assert(!isStaleToken(status(7, 'etcdserver: permission denied')));
});
