import assert from 'node:assert/strict';
import { text } from '../../codec.ts';
import type { Session } from '../../session.ts';
import type { Store } from '../../store.ts';
import { conformanceCase } from '../case.ts';
import { sameRevisions, treeSteps } from '../watch-steps.ts';

export const watchTree = [
  conformanceCase('watch-tree/starts-empty-where-the-directory-is-absent', async ({ open, observe }) => {
    const store = await open();
    await store.put('absent', 'a key is not a directory');
    const first = await observe(treeSteps(store.watchTree('absent'))).until(() => true);
    assert.equal(first.pairs.size, 0);
    assert.deepEqual(first.changes, []);
  }),

  conformanceCase('watch-tree/starts-with-all-depths-and-their-values', async ({ open, observe }) => {
    const [writer, watcher] = [await open(), await open()];
    for (const key of ['dir/a', 'dir/a/b', 'dir/a/b/c/d/e', 'dir/z', 'dir/ünï/☃/😀'])
      await writer.put(key, `of ${key}`);
    const { pairs, changes } = await observe(treeSteps(watcher.watchTree('dir'))).until(() => true);
    const listed = await writer.list('dir');
    assert.deepEqual(new Map(listed.map((pair) => [pair.key, pair])), pairs);
    assert.deepEqual(
      [...changes].sort((a, b) => (a.key < b.key ? -1 : 1)),
      [...pairs.values()]
        .map((pair) => ({ type: 'put', key: pair.key, pair }))
        .sort((a, b) => (a.key < b.key ? -1 : 1)),
    );
  }),

  conformanceCase('watch-tree/tells-each-change-with-what-was-there-before', async ({ open, observe }) => {
    const [writer, watcher] = [await open(), await open()];
    await writer.put('dir/kept', 'kept');
    const watched = observe(treeSteps(watcher.watchTree('dir')));
    await watched.count(1);
    const created = await writer.put('dir/deep/key', '1');
    assert.deepEqual((await watched.count(2))[1]?.changes, [{ type: 'put', key: 'dir/deep/key', pair: created }]);
    const changed = await writer.put('dir/deep/key', '2');
    assert.deepEqual((await watched.count(3))[2]?.changes, [
      { type: 'put', key: 'dir/deep/key', pair: changed, previous: created },
    ]);
    await writer.delete('dir/deep/key');
    assert.deepEqual((await watched.count(4))[3]?.changes, [
      { type: 'delete', key: 'dir/deep/key', previous: changed },
    ]);
    const recreated = await writer.put('dir/deep/key', '3');
    assert.deepEqual((await watched.count(5))[4]?.changes, [{ type: 'put', key: 'dir/deep/key', pair: recreated }]);
    assert.deepEqual([...(watched.last?.pairs.keys() ?? [])].sort(), ['dir/deep/key', 'dir/kept']);
  }),

  conformanceCase('watch-tree/gives-the-same-live-map-in-every-step', async ({ open }) => {
    const store = await open();
    const steps = store.watchTree('dir')[Symbol.asyncIterator]();
    const first = await steps.next();
    await store.put('dir/key', '');
    const second = await steps.next();
    assert(!first.done && !second.done);
    assert.equal(second.value.pairs, first.value.pairs);
    assert.deepEqual([...first.value.pairs.keys()], ['dir/key']);
    await steps.return?.();
  }),

  conformanceCase('watch-tree/never-sees-siblings-or-its-own-key', async ({ open, observe }) => {
    const store = await open();
    const others = ['a', 'ab', 'ab/c', 'a.b', 'a-', 'a0/x', 'A/x', 'b/a/x', 'a b/x'];
    for (const other of others.slice(0, 5)) await store.put(other, 'before');
    const watched = observe(treeSteps(store.watchTree('a')));
    await watched.count(1);
    for (const other of others) await store.put(other, 'after');
    for (const other of others) await store.delete(other);
    await store.put('a/seen', '');
    await watched.count(2);
    assert.deepEqual(
      watched.steps.flatMap(({ changes }) => changes.map(({ key }) => key)),
      ['a/seen'],
    );
  }),

  conformanceCase('watch-tree/sees-a-key-with-a-value-and-children', async ({ open, observe }) => {
    const store = await open();
    const watched = observe(treeSteps(store.watchTree('dir')));
    await watched.count(1);
    await store.put('dir/node/leaf', '');
    await watched.until(({ pairs }) => pairs.has('dir/node/leaf') && !pairs.has('dir/node'));
    await store.put('dir/node', '');
    await watched.until(({ pairs }) => pairs.has('dir/node'));
    await store.delete('dir/node');
    const left = await watched.until(({ pairs }) => !pairs.has('dir/node'), { from: watched.steps.length - 1 });
    assert.deepEqual([...left.pairs.keys()], ['dir/node/leaf']);
  }),

  conformanceCase('watch-tree/covers-the-whole-namespace-as-the-empty-directory', async ({ open, observe }) => {
    const store = await open();
    const inner = store.namespace('inner');
    const watched = observe(treeSteps(inner.watchTree('')));
    await watched.count(1);
    await store.put('other/key', '');
    await store.put('inner', 'the directory has a value of its own');
    const written = await inner.put('key', '1');
    assert.deepEqual((await watched.count(2))[1]?.changes, [{ type: 'put', key: 'key', pair: written }]);
  }),

  conformanceCase('watch-tree/sees-all-of-a-tree-deleted', async ({ open, observe }) => {
    const [writer, watcher] = [await open(), await open()];
    for (let i = 0; i < 20; i++) await writer.put(`dir/${i % 4}/${i}`, '');
    await writer.put('dirt', 'a sibling');
    const watched = observe(treeSteps(watcher.watchTree('dir')));
    await watched.until(({ pairs }) => pairs.size === 20);
    await writer.deleteTree('dir');
    await watched.until(({ pairs }) => pairs.size === 0);
    const deleted = watched.steps.flatMap(({ changes }) => changes.filter(({ type }) => type === 'delete'));
    assert.equal(deleted.length, 20);
  }),

  conformanceCase('watch-tree/starts-with-all-of-a-large-directory', async ({ open, observe }) => {
    const [writer, watcher] = [await open(), await open()];
    const keys = Array.from({ length: 600 }, (_, i) => `dir/${String(i).padStart(4, '0')}`);
    for (let i = 0; i < keys.length; i += 50) {
      await Promise.all(keys.slice(i, i + 50).map((key) => writer.put(key, 'x'.repeat(100))));
    }
    const { pairs } = await observe(treeSteps(watcher.watchTree('dir'))).until(() => true);
    assert.deepEqual([...pairs.keys()].sort(), keys);
  }),

  conformanceCase('watch-tree/is-the-list-after-random-changes', async ({ open, observe, random }) => {
    const [writer, watcher] = [(await open()).withCodec(text()), await open()];
    const watched = observe(treeSteps(watcher.watchTree('dir')));
    const pick = () => `dir/${Math.floor(random() * 5)}${random() < 0.5 ? '' : `/${Math.floor(random() * 5)}`}`;
    for (let i = 0; i < 120; i++) {
      const choice = random();
      if (choice < 0.6) await writer.put(pick(), `${i}`);
      else if (choice < 0.95) await writer.delete(pick());
      else await writer.deleteTree(pick());
    }
    await writer.put('dir/end', 'end');
    await watched.until(({ pairs }) => pairs.has('dir/end'));
    const listed = await watcher.list('dir');
    assert.deepEqual(watched.last?.pairs, new Map(listed.map((pair) => [pair.key, pair])));
  }),

  conformanceCase('watch-tree/is-the-list-after-bound-keys-came-and-went', async ({ open, observe, random }) => {
    const [watcher, ...owners] = [await open(), await open(), await open()];
    const watched = observe(treeSteps(watcher.watchTree('dir')));
    await watched.count(1);
    const sessions = await Promise.all(owners.map((owner) => owner.session()));
    const plans = Array.from({ length: 60 }, () => Array.from({ length: 5 }, () => random() < 0.4));
    await Promise.all(
      plans.map(async (deletions, i) => {
        const [owner, session] = [owners[i % 2] as Store, sessions[i % 2] as Session];
        const key = `dir/${i % 5}/${i}`;
        for (const isDeletion of deletions) {
          await owner.put(key, '', { session });
          if (isDeletion) await owner.delete(key);
        }
      }),
    );
    const listed = new Map((await watcher.list('dir')).map((pair) => [pair.key, pair]));
    assert(listed.size > 0);
    const from = () => watched.steps.length - 1;
    await watched.until(({ pairs }) => sameRevisions(pairs, listed), { from: from() });
    for (const session of sessions) await session.close();
    await watched.until(({ pairs }) => pairs.size === 0, { from: from() });
  }),

  conformanceCase(
    'watch-tree/shows-every-change-in-order-to-a-consumer-that-keeps-up',
    async ({ open, observe }) => {
      const [writer, watcher] = [(await open()).withCodec(text()), (await open()).withCodec(text())];
      const watched = observe(treeSteps(watcher.watchTree('dir')));
      await watched.count(1);
      const written: string[] = [];
      for (let i = 0; i < 60; i++) written.push((await writer.put(`dir/${i % 7}`, `${i}`)).revision);
      await watched.until(({ pairs }) => pairs.get(`dir/${59 % 7}`)?.value === '59');
      const seen = watched.steps.flatMap(({ changes }) =>
        changes.map((it) => (it.type === 'put' ? it.pair.revision : '')),
      );
      assert.deepEqual(seen, written);
    },
    { needs: ['every-change'] },
  ),
];
