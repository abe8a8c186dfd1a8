import assert from 'node:assert/strict';
import { conformanceCase } from '../case.ts';

const tree = ['a', 'a-b', 'a/b', 'a/b/c', 'a/b/c/d/e', 'a/f', 'a0', 'ab', 'ab/c', 'b'];

export const deleteTree = [
  conformanceCase('delete-tree/removes-exactly-what-list-lists', async ({ open }) => {
    const [store, other] = [await open(), await open()];
    await Promise.all(tree.map((key) => store.put(key, key)));
    const doomed = await store.list('a', { keysOnly: true });
    assert.deepEqual(doomed, ['a/b', 'a/b/c', 'a/b/c/d/e', 'a/f']);
    assert.equal(await store.deleteTree('a'), undefined);
    assert.deepEqual(await other.list('', { keysOnly: true }), ['a', 'a-b', 'a0', 'ab', 'ab/c', 'b']);
    assert.deepEqual(await other.getMany(doomed), [undefined, undefined, undefined, undefined]);
  }),

  conformanceCase('delete-tree/of-an-inner-directory-leaves-its-key-and-the-rest', async ({ open }) => {
    const store = await open();
    await Promise.all(tree.map((key) => store.put(key, key)));
    await store.deleteTree('/a/b/');
    assert.deepEqual(await store.list('a', { keysOnly: true }), ['a/b', 'a/f']);
    await store.deleteTree('ab/c');
    assert.deepEqual(await store.list('ab', { keysOnly: true }), ['ab/c'], 'a key without children lost its value');
  }),

  conformanceCase('delete-tree/of-an-absent-directory-does-nothing', async ({ open }) => {
    const store = await open();
    await store.deleteTree('absent');
    await store.put('absent-not', '');
    await store.deleteTree('absent');
    await store.deleteTree('absent/deep/down');
    assert.deepEqual(await store.list('', { keysOnly: true }), ['absent-not']);
  }),

  conformanceCase('delete-tree/of-the-root-empties-the-namespace-alone', async ({ open }) => {
    const store = await open();
    const [one, two] = [store.namespace('one'), store.namespace('one-two')];
    for (const key of tree) {
      await one.put(key, key);
      await two.put(key, key);
    }
    await one.deleteTree('');
    assert.deepEqual(await one.list(''), []);
    assert.equal((await two.list('')).length, tree.length);
    await store.put('one', 'kept');
    await one.deleteTree('/');
    assert.equal(await store.exists('one'), true);
  }),

  conformanceCase('delete-tree/can-be-planted-again', async ({ open }) => {
    const store = await open();
    const before = await store.put('a/b/c', 'before');
    await store.deleteTree('a');
    const after = await store.put('a/b/c', 'after');
    assert(after.createRevision > before.createRevision);
    assert.notEqual(after.revision, before.revision);
    assert.deepEqual(await store.list('a'), [after]);
    assert.equal((await store.atomicPut('a/b', 'new', null)).key, 'a/b');
  }),

  conformanceCase(
    'delete-tree/is-seen-whole-or-not-at-all',
    async ({ open }) => {
      const [writer, reader] = [await open(), await open()];
      const keys = Array.from({ length: 30 }, (_, i) => `dir/${i}/leaf`);
      for (let round = 0; round < 5; round++) {
        await Promise.all(keys.map((key) => writer.put(key, '')));
        let over = false;
        const readAll = async () => {
          while (!over) {
            const { length } = await reader.list('dir', { keysOnly: true });
            assert(length === 0 || length === keys.length, `half of it was seen: ${length} keys`);
          }
        };
        const reading = Promise.all([readAll(), readAll()]);
        await writer.deleteTree('dir').finally(() => {
          over = true;
        });
        await reading;
      }
    },
    { needs: ['atomic-trees'] },
  ),
];
