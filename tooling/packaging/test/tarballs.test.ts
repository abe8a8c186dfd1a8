import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, inject, test } from 'vitest';
import { run } from '../src/run.ts';

const programs = join(import.meta.dirname, '../node_modules/.bin');
const mayHold = /^(dist\/.+\.(js|js\.map|d\.ts)|package\.json|README\.md|LICENSE|CHANGELOG\.md)$/;
const mustHold = ['package.json', 'README.md', 'LICENSE', 'CHANGELOG.md'];
const leaks = ['src/', '@kv/source', '"workspace:', '"catalog:', '@kv-tooling', '"scripts"', '"devDependencies"'];
/** What the registry shows to people; `repository`, `homepage` and `bugs` are for the owner to fill in. */
const wanted = ['description', 'keywords', 'license', 'engines', 'sideEffects', 'exports', 'files', 'publishConfig'];

for (const { manifest, files, tarball, notes } of inject('packages')) {
  describe(manifest.name, () => {
    test('holds what users need, and nothing else', () => {
      assert.deepEqual(
        mustHold.filter((file) => !files.includes(file)),
        [],
      );
      assert.deepEqual(
        files.filter((file) => !mayHold.test(file)),
        [],
      );
    });

    test('has a manifest without anything that only the repository can use', () => {
      const text = JSON.stringify(manifest);
      assert.deepEqual(
        leaks.filter((leak) => text.includes(leak)),
        [],
      );
      assert.deepEqual(
        wanted.filter((field) => !(field in manifest)),
        [],
      );
    });

    test('is never forced to a new version by a patch of core', () => {
      const range = manifest.peerDependencies?.['@kv/core'];
      if (manifest.name !== '@kv/core') assert.match(range ?? 'none', /^\^\d+\.\d+\.\d+$/);
      assert.equal(manifest.dependencies?.['@kv/core'], undefined, 'a second copy of core would be installed');
    });

    test('tells what is new in it', () => assert.notEqual(notes, ''));

    test('satisfies publint', () => run('.', join(programs, 'publint'), ['--strict', tarball]));

    test('satisfies "are the types wrong"', () => run('.', join(programs, 'attw'), [tarball, '--profile', 'esm-only']));
  });
}
