import assert from 'node:assert/strict';
import { type DriverWatch, type KVPair, KvError, type StoredPair, type WatchSink } from '@kv/core';
import { MemoryServer } from '@kv/core/memory';
import { describe, test, vi } from 'vitest';
import { fakeStore } from './fake-driver.ts';

/** One call of `Driver.watch`, played by the test. */
interface Round {
  readonly sink: WatchSink;
  readonly signal: AbortSignal;
  readonly fail: (error: unknown) => void;
  readonly end: () => void;
  readonly catchUps: PromiseWithResolvers<void>[];
}

async function scripted(timeout = 10_000) {
  const rounds: Round[] = [];
  const watch = (_: unknown, sink: WatchSink, signal: AbortSignal): DriverWatch => {
    const ended = Promise.withResolvers<void>();
    const catchUps: PromiseWithResolvers<void>[] = [];
    rounds.push({ sink, signal, fail: ended.reject, end: ended.resolve, catchUps });
    const catchUp = () => {
      catchUps.push(Promise.withResolvers());
      return catchUps.at(-1)?.promise as Promise<void>;
    };
    return { ended: ended.promise, catchUp };
  };
  const store = await fakeStore(() => ({ watch }), { timeout });
  const round = async (number: number) =>
    vi.waitFor(() => rounds[number - 1] ?? assert.fail(`the driver's watch was not called ${number} times`), 10_000);
  return { store, rounds, round };
}

function pair(value: string, revision: number, createRevision = 1): StoredPair {
  return {
    key: 'key',
    value: new TextEncoder().encode(value),
    revision: `${revision}`,
    createRevision: BigInt(createRevision),
  };
}

const away = () => new KvError('KV_UNAVAILABLE', 'the server is away', { retryable: true });
const denied = () => new KvError('KV_PERMISSION_DENIED', 'the server refused');
const textOf = ({ value }: IteratorResult<KVPair | undefined>) => value && new TextDecoder().decode(value.value);

describe('a watch that cannot go on', () => {
  test('throws in every watcher, and the next watch starts anew', async () => {
    const { store, round, rounds } = await scripted();
    const watchers = [1, 2].map(() => store.watch('key')[Symbol.asyncIterator]());
    const first = watchers.map((watcher) => watcher.next());
    (await round(1)).sink.snapshot([]);
    await Promise.all(first);
    const second = watchers.map((watcher) => watcher.next());
    (await round(1)).fail(denied());
    const error = { name: 'KvError', code: 'KV_PERMISSION_DENIED', operation: 'watch', key: 'key', driver: 'fake' };
    for (const next of second) await assert.rejects(next, error);
    for (const watcher of watchers) assert.deepEqual(await watcher.next(), { done: true, value: undefined });
    const again = store.watch('key')[Symbol.asyncIterator]();
    const state = again.next();
    (await round(2)).sink.snapshot([pair('a', 1)]);
    assert.equal(textOf(await state), 'a');
    assert.equal(rounds.length, 2);
    await store.close();
  });

  test('gives what it has to a consumer that is busy, and then throws', async () => {
    const { store, round } = await scripted();
    const watcher = store.watch('key')[Symbol.asyncIterator]();
    const first = watcher.next();
    const { sink, fail } = await round(1);
    sink.snapshot([]);
    await first;
    sink.changes([{ key: 'key', pair: pair('a', 1) }]);
    fail(denied());
    await vi.waitFor(() => assert.equal(store.status, 'connected'));
    assert.equal(textOf(await watcher.next()), 'a');
    await assert.rejects(watcher.next(), { code: 'KV_PERMISSION_DENIED' });
    assert.deepEqual(await watcher.next(), { done: true, value: undefined });
    await store.close();
  });

  test('throws in those that are about to join', async () => {
    const { store, round } = await scripted();
    const early = store.watch('key')[Symbol.asyncIterator]();
    const first = early.next();
    const { sink, fail, catchUps } = await round(1);
    sink.snapshot([]);
    await first;
    const late = store.watch('key')[Symbol.asyncIterator]().next();
    await vi.waitFor(() => assert.equal(catchUps.length, 1));
    const rejected = [early.next(), late].map((next) => assert.rejects(next, { code: 'KV_PERMISSION_DENIED' }));
    fail(denied());
    await Promise.all(rejected);
    catchUps[0]?.resolve();
    await store.close();
  });

  test('is one whose driver reports changes before a snapshot', async () => {
    const { store, round } = await scripted();
    const next = store.watch('key')[Symbol.asyncIterator]().next();
    const { sink, signal } = await round(1);
    sink.changes([{ key: 'key' }]);
    await assert.rejects(next, { code: 'KV_INTERNAL', operation: 'watch' });
    assert.equal(signal.aborted, true);
    await store.close();
  });

  test('is one whose driver throws what it should not', async () => {
    const cause = new TypeError('cannot read properties of undefined');
    const store = await fakeStore(() => ({
      watch: () => {
        throw cause;
      },
    }));
    await assert.rejects(store.watchTree('dir')[Symbol.asyncIterator]().next(), { code: 'KV_INTERNAL', cause });
    await store.close();
  });
});

describe('a watch whose driver fails', () => {
  test('emits only the difference, and says that it reconnects', async () => {
    const { store, round } = await scripted();
    const watcher = store.watch('key')[Symbol.asyncIterator]();
    const first = watcher.next();
    const broken = await round(1);
    broken.sink.snapshot([pair('a', 1)]);
    await first;
    const second = watcher.next();
    broken.fail(away());
    await vi.waitFor(() => assert.equal(store.status, 'reconnecting'));
    const next = await round(2);
    assert.equal(broken.signal.aborted, true);
    broken.sink.snapshot([pair('late, and to be ignored', 9)]);
    broken.sink.changes([{ key: 'key' }]);
    next.sink.snapshot([pair('a', 1)]);
    assert.equal(store.status, 'connected');
    next.sink.changes([{ key: 'key', pair: pair('b', 2) }]);
    assert.equal(textOf(await second), 'b');
    await store.close();
    assert.equal(next.signal.aborted, true);
  });

  test('is started again where the driver ends it without a reason', async () => {
    const { store, round } = await scripted();
    const state = store.watch('key')[Symbol.asyncIterator]().next();
    (await round(1)).end();
    (await round(2)).sink.snapshot([pair('a', 1)]);
    assert.equal(textOf(await state), 'a');
    await store.close();
  });

  test('is started again where no snapshot comes in time', async () => {
    const signals: AbortSignal[] = [];
    const watch = (_: unknown, sink: WatchSink, signal: AbortSignal): DriverWatch => {
      signals.push(signal);
      if (signals.length === 2) queueMicrotask(() => sink.snapshot([pair('a', 1)]));
      return { ended: new Promise(() => {}), catchUp: async () => {} };
    };
    const store = await fakeStore(() => ({ watch }), { timeout: 30 });
    assert.equal(textOf(await store.watch('key')[Symbol.asyncIterator]().next()), 'a');
    assert.deepEqual(
      signals.map(({ aborted }) => aborted),
      [true, false],
    );
    await store.close();
  });

  test('is impaired while a driver that resumes by itself is interrupted', async () => {
    const { store, round, rounds } = await scripted();
    const watcher = store.watch('key')[Symbol.asyncIterator]();
    const first = watcher.next();
    const { sink } = await round(1);
    sink.snapshot([]);
    await first;
    sink.interrupted(away());
    assert.equal(store.status, 'reconnecting');
    sink.changes([]);
    assert.equal(store.status, 'connected');
    sink.interrupted(away());
    await watcher.return?.();
    assert.equal(store.status, 'connected');
    assert.equal(rounds.length, 1);
    await store.close();
  });
});

describe('a watcher that joins later', () => {
  async function withOneMore(timeout?: number) {
    const { store, round, rounds } = await scripted(timeout);
    const early = store.watch('key')[Symbol.asyncIterator]();
    const first = early.next();
    const one = await round(1);
    one.sink.snapshot([pair('a', 1)]);
    await first;
    const late = store.watch('key')[Symbol.asyncIterator]();
    const state = late.next();
    await vi.waitFor(() => assert(one.catchUps.length === 1));
    return { store, round, rounds, early, late, state, one };
  }

  test('waits until the driver has caught up', async () => {
    const { store, one, state, early } = await withOneMore();
    one.sink.changes([{ key: 'key', pair: pair('b', 2) }]);
    assert.equal(await Promise.race([state, Promise.resolve('not yet')]), 'not yet');
    one.catchUps[0]?.resolve();
    assert.equal(textOf(await state), 'b');
    assert.equal(textOf(await early.next()), 'b');
    await store.close();
  });

  test('waits for the first snapshot where that has not come', async () => {
    const { store, round } = await scripted();
    const early = store.watch('key')[Symbol.asyncIterator]().next();
    const one = await round(1);
    const late = store.watch('key')[Symbol.asyncIterator]().next();
    await new Promise(setImmediate);
    assert.equal(one.catchUps.length, 0, 'there is nothing yet to catch up with');
    one.sink.snapshot([pair('older than the late one', 1)]);
    assert.equal(textOf(await early), 'older than the late one');
    await vi.waitFor(() => assert.equal(one.catchUps.length, 1));
    one.sink.changes([{ key: 'key', pair: pair('written before it came', 2) }]);
    one.catchUps[0]?.resolve();
    assert.equal(textOf(await late), 'written before it came');
    await store.close();
  });

  test('is not covered by a catching up that began before it came', async () => {
    const { store, one, state } = await withOneMore();
    const third = store.watch('key')[Symbol.asyncIterator]().next();
    one.catchUps[0]?.resolve();
    await state;
    await vi.waitFor(() => assert.equal(one.catchUps.length, 2));
    one.sink.changes([{ key: 'key', pair: pair('written before the third came', 2) }]);
    one.catchUps[1]?.resolve();
    assert.equal(textOf(await third), 'written before the third came');
    await store.close();
  });

  test('gets the next snapshot where catching up fails, and others no second state', async () => {
    const { store, round, one, state, early } = await withOneMore();
    one.catchUps[0]?.reject(away());
    const two = await round(2);
    two.sink.snapshot([pair('a', 1)]);
    assert.equal(textOf(await state), 'a');
    two.sink.changes([{ key: 'key', pair: pair('b', 2) }]);
    assert.equal(textOf(await early.next()), 'b');
    await store.close();
  });

  test('gets the next snapshot where catching up is never answered', async () => {
    const { store, round, state } = await withOneMore(1_000);
    (await round(2)).sink.snapshot([pair('b', 2)]);
    assert.equal(textOf(await state), 'b');
    await store.close();
  });

  test('may leave before it has begun', async () => {
    const { store, one, late, state, early } = await withOneMore();
    await late.return?.();
    assert.deepEqual(await state, { done: true, value: undefined });
    one.catchUps[0]?.resolve();
    one.sink.changes([{ key: 'key' }]);
    assert.equal(textOf(await early.next()), undefined);
    assert.equal(one.signal.aborted, false);
    await store.close();
  });
});

test('all watchers of one target share one watch, which ends with the last of them', async () => {
  const server = new MemoryServer();
  const store = await fakeStore(() => ({}), { server });
  const watchers = Array.from({ length: 50 }, () => store.watchTree('dir')[Symbol.asyncIterator]());
  await Promise.all(watchers.map((watcher) => watcher.next()));
  const other = store.namespace('dir').watchTree('')[Symbol.asyncIterator]();
  await other.next();
  assert.equal(server.watchCount, 1);
  const key = store.watch('dir')[Symbol.asyncIterator]();
  await key.next();
  assert.equal(server.watchCount, 2);
  await Promise.all(watchers.map((watcher) => watcher.return?.()));
  assert.equal(server.watchCount, 2);
  await Promise.all([other.return?.(), key.return?.()]);
  assert.equal(server.watchCount, 0);
  await store.close();
});

test('an iterator that is first asked after the store was closed leaves no watch', async () => {
  const server = new MemoryServer();
  const store = await fakeStore(() => ({}), { server });
  const watcher = store.watch('key')[Symbol.asyncIterator]();
  await store.close();
  assert.deepEqual(await watcher.next(), { done: true, value: undefined });
  assert.equal(server.watchCount, 0);
});
