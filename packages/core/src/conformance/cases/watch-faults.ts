import assert from 'node:assert/strict';
import { conformanceCase } from '../case.ts';
import { silenceNoticed } from '../durations.ts';
import { stillPending } from '../pending.ts';
import { WatchedTree } from '../watched-tree.ts';

/** A watch across faults: `WatchedTree` has what is changed, and what must be seen of it. */
export const watchFaults = [
  conformanceCase(
    'watch/resumes-after-a-reset',
    async (context) => {
      const watched = await WatchedTree.start(context);
      for (let round = 0; round < 3; round++) {
        await watched.client.faults.reset();
        await watched.change();
        await watched.isUpToDate();
      }
    },
    { faults: ['reset'], timeout: 60_000 },
  ),

  conformanceCase(
    'watch/sees-what-changed-while-it-was-cut-off',
    async (context) => {
      const watched = await WatchedTree.start(context);
      for (let round = 0; round < 2; round++) {
        const heal = await watched.client.faults.partition('refuse');
        await watched.change();
        await heal();
        await watched.isUpToDate();
      }
    },
    { faults: ['partition'], timeout: 60_000 },
  ),

  conformanceCase(
    'watch/sees-what-changed-while-nothing-passed',
    async (context) => {
      const watched = await WatchedTree.start(context);
      const heal = await watched.client.faults.partition('silent');
      await watched.change();
      await heal();
      await watched.isUpToDate();
    },
    { faults: ['partition'], timeout: 60_000 },
  ),

  conformanceCase(
    'watch/notices-a-silent-connection',
    async (context) => {
      const watched = await WatchedTree.start(context);
      const { store, faults } = watched.client;
      const heal = await faults.partition('silent');
      await watched.change();
      await context.eventually(() => assert.equal(store.status, 'reconnecting'), silenceNoticed);
      await heal();
      await watched.isUpToDate();
      await context.eventually(() => assert.equal(store.status, 'connected'));
    },
    { faults: ['partition'], timeout: 60_000 },
  ),

  conformanceCase(
    'watch/resumes-after-restart',
    async (context) => {
      const watched = await WatchedTree.start(context);
      for (let round = 0; round < 2; round++) {
        await watched.writer.put('dir/last', `acknowledged just before restart ${round}`);
        await context.faults.restart();
        await watched.isUpToDate();
        await watched.change();
        await watched.isUpToDate();
      }
    },
    { faults: ['restart'], timeout: 120_000 },
  ),

  conformanceCase(
    'watch/resumes-after-a-pause-of-the-server',
    async (context) => {
      const watched = await WatchedTree.start(context);
      const heal = await context.faults.pause();
      await context.eventually(() => assert.equal(watched.client.store.status, 'reconnecting'), silenceNoticed);
      await heal();
      await watched.change();
      await watched.isUpToDate();
    },
    { faults: ['pause'], timeout: 120_000 },
  ),

  conformanceCase(
    'watch/resumes-after-failover',
    async (context) => {
      const watched = await WatchedTree.start(context);
      await watched.writer.put('dir/last', 'acknowledged by the old leader');
      const heal = await context.faults.failover();
      await watched.change();
      await watched.isUpToDate();
      await heal();
      await watched.change();
      await watched.isUpToDate();
    },
    { faults: ['failover'], timeout: 120_000 },
  ),

  conformanceCase(
    'watch/goes-on-after-a-compaction',
    async (context) => {
      const watched = await WatchedTree.start(context);
      await watched.change();
      await context.faults.compact();
      await watched.change();
      await watched.isUpToDate();
    },
    { faults: ['compact'], timeout: 60_000 },
  ),

  conformanceCase(
    'watch/sees-what-changed-before-a-compaction-that-it-missed',
    async (context) => {
      const watched = await WatchedTree.start(context);
      const heal = await watched.client.faults.partition('refuse');
      await watched.change();
      await context.faults.compact();
      await watched.writer.put('dir/last', 'after the compaction');
      await heal();
      await watched.isUpToDate();
    },
    { faults: ['partition', 'compact'], timeout: 60_000 },
  ),

  conformanceCase(
    'watch/loses-nothing-while-its-connection-breaks-again-and-again',
    async (context) => {
      const watched = await WatchedTree.start(context);
      let over = false;
      const traffic = (async () => {
        for (let i = 0; !over; i++) {
          if (i % 4 === 3) await watched.writer.delete(`dir/busy/${i % 6}`);
          else await watched.writer.put(`dir/busy/${i % 6}`, `${i}`);
          await new Promise(setImmediate);
        }
      })();
      try {
        for (let round = 0; round < 6; round++) {
          await stillPending(traffic, context.random() * 150);
          await watched.client.faults.reset();
        }
      } finally {
        over = true;
        await traffic;
      }
      await watched.isUpToDate();
    },
    { faults: ['reset'], timeout: 60_000 },
  ),

  conformanceCase(
    'watch/waits-for-a-server-that-is-away-at-its-start',
    async ({ open, connect, observe }) => {
      const [writer, { store, faults }] = [await open(), await connect()];
      const written = await writer.put('dir/key', '');
      const heal = await faults.partition('refuse');
      const [key, tree] = [observe(store.watch('dir/key')), observe(store.watchTree('dir'))];
      assert.equal(await stillPending(Promise.race([key.ended, tree.ended, key.count(1), tree.count(1)]), 200), true);
      await heal();
      assert.deepEqual(await key.until(() => true, { within: 30_000 }), written);
      assert.deepEqual((await tree.until(() => true, { within: 30_000 })).pairs.get('dir/key'), written);
    },
    { faults: ['partition'], timeout: 60_000 },
  ),

  ...(['refuse', 'silent'] as const).map((mode) =>
    conformanceCase(
      `watch/ends-at-once-while-cut-off-${mode}`,
      async ({ connect, observe }) => {
        const { store, faults } = await connect();
        const abort = new AbortController();
        const aborted = observe(store.watch('key', { signal: abort.signal }));
        const closed = observe(store.watchTree('dir'));
        await Promise.all([aborted.count(1), closed.count(1)]);
        await faults.partition(mode);
        await assertPrompt(() => {
          abort.abort();
          return aborted.ended;
        });
        await assertPrompt(() => {
          void store.close();
          return closed.ended;
        });
      },
      { faults: ['partition'], timeout: 60_000 },
    ),
  ),
];

async function assertPrompt(action: () => Promise<unknown>): Promise<void> {
  assert.equal(await stillPending(action(), 2_000), false, 'it waits for the server');
}
