import assert from 'node:assert/strict';
import { text } from '../../codec.ts';
import type { KVPair } from '../../pair.ts';
import type { TreeState } from '../../watch/tree-watcher.ts';
import { conformanceCase } from '../case.ts';
import type { Observer } from '../observer.ts';
import { keySteps, sameRevisions, treeSteps } from '../watch-steps.ts';

export const watchStart = [
  conformanceCase('watch/starts-with-a-write-acknowledged-just-before', async ({ open }) => {
    const [writer, watcher] = [await open(), await open()];
    for (let i = 0; i < 20; i++) {
      const written = await writer.put('dir/key', `${i}`);
      const [pair, tree] = await Promise.all([
        firstOf(watcher.watch('dir/key')),
        firstOf(watcher.watchTree('dir')).then(({ pairs }) => pairs.get('dir/key')),
      ]);
      assert.deepEqual([pair?.revision, tree?.revision], [written.revision, written.revision], `round ${i}`);
    }
  }),

  conformanceCase('watch/a-late-watcher-starts-with-a-write-acknowledged-just-before', async ({ open, observe }) => {
    const [writer, watcher] = [await open(), await open()];
    const [early, earlyTree] = [observe(watcher.watch('dir/key')), observe(watcher.watchTree('dir'))];
    await Promise.all([early.count(1), earlyTree.count(1)]);
    for (let i = 0; i < 40; i++) {
      const by = i % 2 === 0 ? writer : watcher;
      const written = await by.put('dir/key', `${i}`);
      const [pair, tree] = await Promise.all([
        firstOf(watcher.watch('dir/key')),
        firstOf(watcher.watchTree('dir')).then(({ pairs }) => pairs.get('dir/key')),
      ]);
      assert.deepEqual([pair?.revision, tree?.revision], [written.revision, written.revision], `round ${i}`);
    }
  }),

  conformanceCase('watch/a-late-watcher-starts-with-a-deletion-acknowledged-just-before', async ({ open, observe }) => {
    const [writer, watcher] = [await open(), await open()];
    const early = observe(watcher.watchTree('dir'));
    await early.count(1);
    for (let i = 0; i < 20; i++) {
      await writer.put(`dir/${i}`, '');
      await writer.delete(`dir/${i}`);
      assert.equal(await firstOf(watcher.watchTree('dir')).then(({ pairs }) => pairs.size), 0, `round ${i}`);
    }
  }),

  conformanceCase('watch/a-late-watcher-is-never-behind-while-others-write', async ({ open, observe }) => {
    const [busy, writer, watcher] = [await open(), await open(), (await open()).withCodec(text())];
    const early = observe(watcher.watchTree('dir'));
    await early.count(1);
    let over = false;
    const traffic = (async () => {
      for (let i = 0; !over; i++) {
        await busy.put(`dir/noise/${i % 10}`, `${i}`);
        await new Promise(setImmediate);
      }
    })();
    try {
      let acknowledged = -1;
      let highest = -1;
      const writing = (async () => {
        for (let i = 0; i < 60; i++) {
          await writer.put('dir/key', `${i}`);
          acknowledged = i;
        }
      })();
      while (acknowledged < 59) {
        const before = acknowledged;
        const { pairs } = await firstOf(watcher.watchTree('dir'));
        const seen = Number(pairs.get('dir/key')?.value ?? -1);
        assert(seen >= before, `a watcher that joined after write ${before} was acknowledged started with ${seen}`);
        assert(seen >= highest, `a watcher started with ${seen}, after another one that had started with ${highest}`);
        highest = seen;
      }
      await writing;
    } finally {
      over = true;
      await traffic;
    }
  }),

  conformanceCase(
    'watch/loses-nothing-of-1000-writes-while-watches-start',
    async ({ open, observe, random }) => {
      const writers = [(await open()).withCodec(text()), (await open()).withCodec(text())];
      const watchers = [(await open()).withCodec(text()), (await open()).withCodec(text())];
      const trees: Observer<TreeState<string>>[] = [];
      const keys: Observer<KVPair<string> | undefined>[] = [];
      // Each key has one writer, so that its numbers grow.
      const write = async (lane: number) => {
        for (let i = 0; i < 50; i++) await writers[lane % 2]?.put(keyOf(lane), `${i}`);
      };
      const keyOf = (lane: number) => `dir/${lane % 4}/${lane}`;
      const join = async () => {
        for (let i = 0; i < 40; i++) {
          const watcher = watchers[Math.floor(random() * 2)] as (typeof watchers)[number];
          if (random() < 0.5) trees.push(observe(treeSteps(watcher.watchTree('dir'))));
          else keys.push(observe(keySteps(watcher.watch(keyOf(3)))));
          await watcher.exists('pace');
        }
      };
      await Promise.all([...Array.from({ length: 20 }, (_, lane) => write(lane)), join()]);
      const expected = await writers[0]?.list('dir');
      assert.equal(expected?.length, 20);
      const finalTree = new Map(expected?.map((pair) => [pair.key, pair]));
      await Promise.all([
        ...trees.map((tree) => tree.until(({ pairs }) => sameRevisions(pairs, finalTree), { within: 15_000 })),
        ...keys.map((key) => key.until((pair) => pair?.value === '49', { within: 15_000 })),
      ]);
      const histories = [
        ...keys.map(({ steps }) => steps.map((pair) => pair?.value)),
        ...trees.flatMap(({ steps }) =>
          [...finalTree.keys()].map((key) => steps.map(({ pairs }) => pairs.get(key)?.value)),
        ),
      ];
      for (const values of histories) {
        const numbers = values.map((value) => Number(value ?? -1));
        const sorted = [...numbers].sort((a, b) => a - b);
        assert.deepEqual(numbers, sorted, 'a state went backwards');
      }
    },
    { timeout: 60_000 },
  ),

  conformanceCase('watch/many-watchers-of-one-target-all-see-all-of-it', async ({ open, observe }) => {
    const [writer, watcher] = [(await open()).withCodec(text()), (await open()).withCodec(text())];
    const watched = Array.from({ length: 100 }, () => observe(treeSteps(watcher.watchTree('dir'))));
    await Promise.all(watched.map((tree) => tree.count(1)));
    for (let i = 0; i < 10; i++) {
      await writer.put('dir/key', `${i}`);
      await Promise.all(watched.map((tree) => tree.until(({ pairs }) => pairs.get('dir/key')?.value === `${i}`)));
    }
  }),

  conformanceCase('watch/iterations-of-one-iterable-are-independent', async ({ open, observe }) => {
    const store = (await open()).withCodec(text());
    const iterable = store.watch('key');
    const one = observe(keySteps(iterable));
    await one.count(1);
    await store.put('key', '1');
    await one.count(2);
    const other = observe(keySteps(iterable));
    assert.equal((await other.until(() => true))?.value, '1');
    await store.put('key', '2');
    await Promise.all([one.count(3), other.count(2)]);
    assert.deepEqual(
      [one.steps, other.steps].map((steps) => steps.map((pair) => pair?.value)),
      [
        [undefined, '1', '2'],
        ['1', '2'],
      ],
    );
  }),

  conformanceCase('watch/does-nothing-until-the-first-step-is-asked-for', async ({ open }) => {
    const store = (await open()).withCodec(text());
    const steps = store.watch('key')[Symbol.asyncIterator]();
    await store.put('key', 'written after watch() was called');
    const first = await steps.next();
    assert.equal(first.value?.value, 'written after watch() was called');
    await steps.return?.();
  }),
];

/** The first step of an iterable, which is left after it. */
async function firstOf<Step>(iterable: AsyncIterable<Step>): Promise<Step> {
  for await (const step of iterable) return step;
  return assert.fail('the watch ended without a first step');
}
