import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { bytes, json, type StandardSchema, text } from '@kv/core';
import fc from 'fast-check';
import { describe, test } from 'vitest';
import { character } from './character.ts';

const utf8 = (value: string) => new TextEncoder().encode(value);

describe('bytes', () => {
  test('copies what it encodes', () => {
    const mine = Buffer.from('value');
    const encoded = bytes().encode(mine);
    mine.fill(0);
    assert.deepEqual(encoded, utf8('value'));
  });

  test('turns any view of bytes into a plain one over the same memory', () => {
    const pool = Buffer.from('[value]');
    const decoded = bytes().decode(pool.subarray(1, 6));
    assert.equal(Object.getPrototypeOf(decoded), Uint8Array.prototype);
    assert.deepEqual(decoded, utf8('value'));
    const plain = utf8('value');
    assert.equal(bytes().decode(plain), plain);
  });
});

describe('text', () => {
  test('round-trips every well-formed string', () => {
    fc.assert(
      fc.property(fc.string({ unit: character }), (value) => {
        assert.equal(text().decode(text().encode(value)), value);
      }),
    );
  });

  test('keeps a byte order mark, and refuses what is not UTF-8', () => {
    assert.equal(text().decode(Uint8Array.of(0xef, 0xbb, 0xbf)), '\ufeff');
    assert.throws(() => text().decode(Uint8Array.of(0xff)), TypeError);
    // After a failure the decoder begins anew.
    assert.equal(text().decode(utf8('fine')), 'fine');
  });
});

describe('json', () => {
  test('round-trips every JSON value', () => {
    const codec = json();
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        assert.deepEqual(codec.decode(codec.encode(value)), JSON.parse(JSON.stringify(value)));
      }),
    );
  });

  test('tells the places that a schema objects to, and not what is there', () => {
    const issues = [
      { message: 'secret is wrong', path: ['a', 0, { key: 'b' }] },
      { message: 'secret is wrong', path: [Symbol('s')] },
      { message: 'secret is wrong' },
    ];
    const schema: StandardSchema = { '~standard': { version: 1, vendor: 'test', validate: () => ({ issues }) } };
    assert.throws(() => json(schema).decode(utf8('"secret"')), {
      message: 'does not match the schema at a.0.b, Symbol(s), the value itself',
    });
  });

  test('refuses a schema that answers later, and leaves no rejection behind', () => {
    const validate = () => Promise.reject(new Error('later'));
    const schema: StandardSchema = { '~standard': { version: 1, vendor: 'test', validate } };
    assert.throws(() => json(schema).decode(utf8('1')), /asynchronously/);
  });
});
