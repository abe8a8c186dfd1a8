import assert from 'node:assert/strict';
import { test } from 'vitest';
import { type ConsulOptions, consul } from '../src/index.ts';

const wrong: [string, unknown, string?][] = [
  ['an unknown option', { adresses: [] }],
  ['no addresses', { addresses: [] }],
  ['an address without a scheme', { addresses: ['127.0.0.1:8500'] }],
  ['an address of another scheme', { addresses: ['ftp://127.0.0.1'] }],
  ['an address with a path', { addresses: ['http://127.0.0.1:8500/v1'] }],
  ['an address with a password', { addresses: ['http://user:hunter2@127.0.0.1:8500'] }],
  ['an empty token', { token: '' }],
  ['a token that is no string', { token: 7 }],
  ['two tokens', { token: 'a', tokenFile: 'b' }],
  ['`tls` on a plain address', { addresses: ['http://127.0.0.1:8500'], tls: {} }],
  ['a certificate without a key', { addresses: ['https://127.0.0.1:8501'], tls: { cert: 'x' } }],
  ['a root with an empty segment', { root: 'a//b' }, 'KV_INVALID_KEY'],
];

for (const [name, options, code = 'KV_INVALID_ARGUMENT'] of wrong) {
  test(`${name} is refused at once`, () => {
    assert.throws(
      () => consul(options as ConsulOptions),
      (error: { code?: string; message: string }) => error.code === code && !error.message.includes('hunter2'),
    );
  });
}

test('making a store does not connect', () => {
  assert.equal(consul().name, 'consul');
});
