import assert from 'node:assert/strict';
import { test } from 'vitest';
import { type EtcdOptions, etcd } from '../src/index.ts';

const endpoints = ['http://127.0.0.1:2379'];
const wrong: Record<string, readonly [unknown, RegExp]> = {
  'no endpoints': [{}, /endpoints/],
  'an empty list of endpoints': [{ endpoints: [] }, /endpoints/],
  'an endpoint without a scheme': [{ endpoints: ['127.0.0.1:2379'] }, /must be http:\/\/host:port/],
  'an endpoint with a path': [{ endpoints: ['http://127.0.0.1:2379/v3'] }, /must be http:\/\/host:port/],
  'a mix of http and https': [{ endpoints: ['http://a:1', 'https://b:1'] }, /all http or all https/],
  'tls with http': [{ endpoints, tls: {} }, /https/],
  'a certificate without its key': [{ endpoints: ['https://a'], tls: { cert: 'x' } }, /go together/],
  'a user without a password': [{ endpoints, login: { user: 'app', password: '' } }, /password/],
  'a root that is no string': [{ endpoints, root: 7 }, /root/],
  'a root that is too long': [{ endpoints, root: 'ü'.repeat(257) }, /512 bytes/],
};

for (const [name, [options, message]] of Object.entries(wrong)) {
  test(`refuses ${name}`, () => {
    assert.throws(() => etcd(options as EtcdOptions), { name: 'KvError', code: 'KV_INVALID_ARGUMENT', message });
  });
}

for (const endpoint of ['http://localhost', 'https://etcd-1.internal:443/', 'http://[::1]:2379', 'HTTP://etcd:2379']) {
  test(`takes ${endpoint}`, () => {
    assert.equal(etcd({ endpoints: [endpoint] }).name, 'etcd');
  });
}

test('an error about an endpoint does not tell a password in it', () => {
  assert.throws(
    () => etcd({ endpoints: ['http://user:secret@127.0.0.1:2379'] }),
    (error: Error) => !error.message.includes('secret'),
  );
});
