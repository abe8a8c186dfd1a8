import assert from 'node:assert/strict';
import { conformanceCase } from '../case.ts';
import { keySteps } from '../watch-steps.ts';

export const watchEnd = [
  conformanceCase('watch/ends-when-the-loop-is-left', async ({ open }) => {
    const store = await open();
    const iterator = store.watch('key')[Symbol.asyncIterator]();
    for await (const pair of { [Symbol.asyncIterator]: () => iterator }) {
      assert.equal(pair, undefined);
      break;
    }
    await store.put('key', 'nobody watches');
    assert.deepEqual(await iterator.next(), { done: true, value: undefined });
  }),

  conformanceCase('watch/return-ends-a-step-that-is-waited-for', async ({ open }) => {
    const store = await open();
    for (const watch of [store.watch('key'), store.watchTree('dir')]) {
      const iterator: AsyncIterator<unknown> = watch[Symbol.asyncIterator]();
      await iterator.next();
      const [waiting, alsoWaiting] = [iterator.next(), iterator.next()];
      assert.deepEqual(await iterator.return?.(), { done: true, value: undefined });
      assert.deepEqual(await waiting, { done: true, value: undefined });
      assert.deepEqual(await alsoWaiting, { done: true, value: undefined });
      assert.deepEqual(await iterator.return?.(), { done: true, value: undefined });
    }
  }),

  conformanceCase('watch/return-before-the-first-step-ends-it', async ({ open }) => {
    const store = await open();
    const [iterator, early] = [store.watch('key')[Symbol.asyncIterator](), store.watch('key')[Symbol.asyncIterator]()];
    assert.deepEqual(await iterator.return?.(), { done: true, value: undefined });
    assert.deepEqual(await iterator.next(), { done: true, value: undefined });
    const waiting = early.next();
    await early.return?.();
    assert.deepEqual(await waiting, { done: true, value: undefined });
  }),

  conformanceCase('watch/ends-on-abort', async ({ open, observe }) => {
    const store = await open();
    const abort = new AbortController();
    const watched = [
      observe(store.watch('key', { signal: abort.signal })),
      observe(store.watchTree('dir', { signal: abort.signal })),
    ];
    const other = observe(store.watch('key'));
    await Promise.all([...watched, other].map((it) => it.until(() => true)));
    abort.abort();
    await Promise.all(watched.map(({ ended }) => ended));
    await store.put('key', 'only the other one sees it');
    await store.put('dir/key', '');
    await other.count(2);
    assert.deepEqual(
      watched.map(({ steps }) => steps.length),
      [1, 1],
    );
  }),

  conformanceCase('watch/an-aborted-signal-ends-it-before-the-first-step', async ({ open, observe }) => {
    const store = await open();
    const watched = observe(store.watch('key', { signal: AbortSignal.abort() }));
    await watched.ended;
    assert.deepEqual(watched.steps, []);
  }),

  conformanceCase('watch/ends-on-close', async ({ open, observe }) => {
    const [store, other] = [await open(), await open()];
    const watched = [
      observe(store.watch('key')),
      observe(store.watchTree('dir')),
      observe(store.namespace('n').watch('k')),
    ];
    const others = observe(other.watch('key'));
    await Promise.all([...watched, others].map((it) => it.until(() => true)));
    const unread = store.watch('key')[Symbol.asyncIterator]();
    await unread.next();
    const unasked = store.watch('key')[Symbol.asyncIterator]();
    await store.close();
    await Promise.all(watched.map(({ ended }) => ended));
    for (const iterator of [unread, unasked]) {
      assert.deepEqual(await iterator.next(), { done: true, value: undefined });
    }
    await other.put('key', '');
    await others.count(2);
  }),

  conformanceCase('watch/ends-on-close-while-it-starts', async ({ open, observe }) => {
    const store = await open();
    const watched = [observe(store.watch('key')), observe(store.watchTree('dir'))];
    await store.close();
    await Promise.all(watched.map(({ ended }) => ended));
  }),

  conformanceCase('watch/is-refused-by-a-closed-store', async ({ open }) => {
    const store = await open();
    const iterable = store.watch('key');
    await store.close();
    assert.throws(() => iterable[Symbol.asyncIterator](), { code: 'KV_CLOSED' });
    assert.throws(() => store.watch('key'), { code: 'KV_CLOSED', operation: 'watch' });
    assert.throws(() => store.watchTree('dir'), { code: 'KV_CLOSED', operation: 'watchTree' });
  }),

  conformanceCase('watch/one-that-leaves-does-not-end-the-others', async ({ open, observe }) => {
    const store = await open();
    const staying = observe(keySteps(store.watch('key')));
    await staying.count(1);
    for (let i = 0; i < 10; i++) {
      for await (const _ of store.watch('key')) break;
      await store.put('key', `${i}`);
      await staying.count(i + 2);
    }
  }),

  conformanceCase('watch/starts-anew-after-the-last-one-has-left', async ({ open }) => {
    const store = await open();
    for (let i = 0; i < 10; i++) {
      const written = await store.put('key', `${i}`);
      for await (const pair of store.watch('key')) {
        assert.deepEqual(pair, written);
        break;
      }
    }
  }),
];
