import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { type CaseContext, conformanceCase } from '../case.ts';

/** What is opened and ended again leaves nothing in the process. */
export const growth = [
  conformanceCase(
    'growth/of-watches',
    grow(async ({ store, signal }, i) => {
      const key = store.watch(`key/${i}`, { signal })[Symbol.asyncIterator]();
      const tree = store.watchTree('dir', { signal })[Symbol.asyncIterator]();
      await Promise.all([key.next(), tree.next()]);
      await Promise.all([key.return?.(), tree.return?.()]);
    }),
    { exclusive: true, timeout: 60_000 },
  ),

  conformanceCase(
    'growth/of-sessions',
    grow(async ({ store, signal }, i) => {
      const session = await store.session({ signal });
      await store.put(`key/${i}`, '', { session, signal });
      await session.close();
    }),
    { exclusive: true, timeout: 60_000 },
  ),

  conformanceCase(
    'growth/of-locks',
    grow(async ({ store, signal }, i) => {
      const lock = await store.lock(`locks/${i % 3}`, { signal, wait: 20_000 });
      assert.equal(await store.tryLock(`locks/${i % 3}`, { signal }), undefined);
      await lock.release();
    }),
    { exclusive: true, timeout: 60_000 },
  ),
];

interface Cycle {
  readonly store: Awaited<ReturnType<CaseContext['open']>>;
  /** One for all cycles: each has to take its listeners off it. */
  readonly signal: AbortSignal;
}

const cycles = 100;
/** Handles that a client may keep for later use. */
const kept = 10;

function grow(cycle: (context: Cycle, i: number) => Promise<void>): (context: CaseContext) => Promise<void> {
  return async ({ open, eventually }) => {
    const store = await open();
    const { signal } = new AbortController();
    const warnings: Error[] = [];
    const onWarning = (warning: Error) => void warnings.push(warning);
    process.on('warning', onWarning);
    try {
      for (let i = 0; i < 5; i++) await cycle({ store, signal }, i);
      await eventually(() => assert.equal(getEventListeners(signal, 'abort').length, 0));
      const before = process.getActiveResourcesInfo();
      const listeners = process.eventNames().map((name) => process.listenerCount(name));
      for (let i = 0; i < cycles; i++) await cycle({ store, signal }, i);
      await eventually(() => {
        assert.equal(getEventListeners(signal, 'abort').length, 0, 'listeners are left on the signal of the caller');
        const after = process.getActiveResourcesInfo();
        assert(after.length <= before.length + kept, `handles are left: ${counted(after)} after ${counted(before)}`);
      });
      assert.deepEqual(
        process.eventNames().map((name) => process.listenerCount(name)),
        listeners,
      );
      assert.deepEqual(warnings, []);
    } finally {
      process.off('warning', onWarning);
    }
  };
}

function counted(names: readonly string[]): string {
  const counts = Map.groupBy(names, (name) => name);
  return JSON.stringify(Object.fromEntries([...counts].map(([name, { length }]) => [name, length])));
}
