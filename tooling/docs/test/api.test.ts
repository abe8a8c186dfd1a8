import assert from 'node:assert/strict';
import { describe, test } from 'vitest';
import { publicApi } from '../src/api.ts';

const isMethod = /^(async )?(?!constructor)\w+\??(<[^(]*>)?\(/;
const connecting = new Set(['openStore', 'sqlite', 'etcd', 'consul', 'zookeeper']);

describe.each(publicApi())('$name', ({ exports }) => {
  const members = exports.flatMap((it) => it.members.map((member) => ({ ...member, of: it.name })));
  const options = members.filter(({ of }) => of.endsWith('Options'));

  test('has a docstring for everything that it exports', () => {
    const missing = exports.filter(({ doc }) => doc === '').map(({ name, place }) => `${place}: ${name}`);
    assert.deepEqual(missing, []);
  });

  test('has a docstring for every option, with its default where it may be left out', () => {
    const missing = options
      .filter(({ doc, optional }) => doc === '' || (optional && !/\bdefault\b/i.test(doc)))
      .map(({ of, name, place }) => `${place}: ${of}.${name}`);
    assert.deepEqual(missing, []);
  });

  test('has a docstring for every method', () => {
    const missing = members
      .filter(({ signature, doc }) => isMethod.test(signature) && doc === '')
      .map(({ of, name, place }) => `${place}: ${of}.${name}`);
    assert.deepEqual(missing, []);
  });

  test('names the unit of every duration', () => {
    const missing = members
      .filter(
        ({ name, signature, doc }) =>
          signature.includes('number') &&
          /^(ttl|timeout|wait|deadline|latency|milliseconds)$/.test(name) &&
          !/millisecond/i.test(doc),
      )
      .map(({ of, name, place }) => `${place}: ${of}.${name}`);
    assert.deepEqual(missing, []);
  });

  test('names the errors of what connects', () => {
    const missing = exports
      .filter(({ name, doc }) => connecting.has(name) && !doc.includes('@throws {KvError} `KV_'))
      .map(({ name, place }) => `${place}: ${name}`);
    assert.deepEqual(missing, []);
  });
});
