import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import fc from 'fast-check';
import { describe, test } from 'vitest';
import { canonicalDirectory, canonicalKey, compareKeys, join, maxKeyBytes, prefixOf } from '../src/key.ts';
import { character } from './character.ts';
import { errorOf } from './error-of.ts';

const unit = fc.constantFrom(...'/./..a-_%~ \n\u007f\u0085é', '\ud83c', '\udf89', '🎉', '\ue000', '\uffff');
const nearKeys = fc.oneof(
  fc.array(unit, { maxLength: 12 }).map((units) => units.join('')),
  fc.string({ unit: character, maxLength: 20 }),
  fc.stringMatching(/^[a-z./%~-]{0,12}$/),
);

describe('canonicalKey', () => {
  test('its fast path answers as its slow path', () => {
    fc.assert(
      fc.property(nearKeys, (key) => {
        const slow = errorOf(() => canonicalDirectory(key)) ?? canonicalDirectory(key);
        const fast = errorOf(() => canonicalKey(key)) ?? canonicalKey(key);
        if (slow === '') assert.match(String(fast), /is empty/);
        else assert.equal(String(fast), String(slow));
      }),
      { numRuns: 5_000 },
    );
  });

  test('is idempotent, and gives neither outer nor doubled slashes', () => {
    fc.assert(
      fc.property(nearKeys, (key) => {
        fc.pre(errorOf(() => canonicalKey(key)) === undefined);
        const canonical = canonicalKey(key);
        assert.equal(canonicalKey(canonical), canonical);
        assert.equal(canonicalKey(`//${canonical}/`), canonical);
        assert(!/^\/|\/$|\/\//.test(canonical));
      }),
      { numRuns: 2_000 },
    );
  });

  test('measures the length in bytes, without the outer slashes', () => {
    for (const key of ['k'.repeat(maxKeyBytes), `/${'é'.repeat(maxKeyBytes / 2)}/`]) {
      assert.equal(Buffer.byteLength(canonicalKey(key)), maxKeyBytes);
    }
    for (const key of ['k'.repeat(maxKeyBytes + 1), `${'é'.repeat(maxKeyBytes / 2)}x`]) {
      assert.match(String(errorOf(() => canonicalKey(key))), /has 513 bytes in UTF-8, over the limit of 512/);
    }
  });

  test('shows the start of a long key alone', () => {
    const message = String(errorOf(() => canonicalKey(`${'x'.repeat(5_000)}//`)));
    assert(message.length < 200, message);
  });
});

describe('compareKeys', () => {
  const wellFormed = fc.string({ unit: 'grapheme', maxLength: 8 });
  const similar = fc.tuple(wellFormed, wellFormed, wellFormed).map(([start, a, b]) => [start + a, start + b] as const);

  test('orders as the bytes of UTF-8 do', () => {
    fc.assert(
      fc.property(
        fc.oneof(similar, fc.tuple(fc.string({ unit: character }), fc.string({ unit: character }))),
        ([a, b]) => {
          assert.equal(Math.sign(compareKeys(a, b)), Buffer.compare(Buffer.from(a), Buffer.from(b)), `${a} and ${b}`);
        },
      ),
      { numRuns: 5_000 },
    );
  });

  test('puts what is beyond U+FFFF last, unlike the comparison of strings', () => {
    assert(compareKeys('\uffff', '🎉') < 0);
    assert('\uffff' > '🎉');
  });
});

describe('join', () => {
  test('puts a directory before a key', () => {
    assert.equal(join('', 'a'), 'a');
    assert.equal(join('a', ''), 'a');
    assert.equal(join('a/b', 'c'), 'a/b/c');
  });

  test('refuses what becomes too long', () => {
    const directory = 'd'.repeat(300);
    assert.equal(join(directory, 'k'.repeat(211)).length, 512);
    assert.match(String(errorOf(() => join(directory, 'k'.repeat(212)))), /over the limit/);
    assert.match(String(errorOf(() => join('é'.repeat(150), '🎉'.repeat(53)))), /has 513 bytes/);
  });

  test('has a prefix for each directory that no sibling has', () => {
    assert.equal(prefixOf(''), '');
    assert.equal(prefixOf('a'), 'a/');
    assert(join('a', 'b').startsWith(prefixOf('a')));
    assert(!'ab'.startsWith(prefixOf('a')));
  });
});
