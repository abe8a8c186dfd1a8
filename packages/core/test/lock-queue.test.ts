import assert from 'node:assert/strict';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { type Driver, type DriverHold, KvError } from '@kv/core';
import { MemoryServer } from '@kv/core/memory';
import { describe, test, vi } from 'vitest';
import { fakeStore } from './fake-driver.ts';

const away = (outcome: 'unknown' | 'not-applied') =>
  new KvError('KV_UNAVAILABLE', 'the connection broke', { retryable: outcome === 'not-applied', outcome });

/** Two clients of one server; the members of the first one's driver are played by the test. */
async function clients(members: (memory: Driver) => Partial<Driver>) {
  const server = new MemoryServer();
  const played = await fakeStore(members, { server });
  const other = await fakeStore(() => ({}), { server });
  const close = () => Promise.all([played.close(), other.close()]);
  const queue = () => [...server.keys('key/.lock')];
  return { server, played, other, close, queue };
}

describe('an attempt whose entry may or may not have been made', () => {
  test('finds it, does not make another one, and leaves nothing', async () => {
    let answered = false;
    const { played, other, close, server, queue } = await clients((memory) => ({
      atomicPut: async (...args) => {
        const pair = await memory.atomicPut(...args);
        if (answered) return pair;
        answered = true;
        throw away('unknown');
      },
    }));
    const lock = await played.lock('key');
    assert.equal(queue().length, 1);
    assert.equal((await other.lockHolder('key'))?.token, lock.token);
    await lock.release();
    await vi.waitFor(() => assert.deepEqual([server.sessionCount, queue()], [0, []]));
    await (await other.lock('key', { wait: 1_000 })).release();
    await close();
  });

  test('is made again where it surely was not', async () => {
    let failures = 2;
    const { played, close } = await clients((memory) => ({
      atomicPut: (...args) => {
        if (failures-- > 0) throw away('not-applied');
        return memory.atomicPut(...args);
      },
    }));
    await (await played.lock('key')).release();
    await close();
  });
});

describe('a waiter', () => {
  test('waits on while the queue cannot be read', async () => {
    let reachable = true;
    const { played, other, close } = await clients((memory) => ({
      list: (...args) => {
        if (!reachable) throw away('not-applied');
        return memory.list(...args);
      },
    }));
    const held = await other.lock('key');
    reachable = false;
    const waiting = played.lock('key', { timeout: 30 });
    await new Promise((resolve) => setTimeout(resolve, 100));
    await held.release();
    reachable = true;
    await (await waiting).release();
    await close();
  });

  test('gives up where the queue may not be read, and leaves nothing', async () => {
    const { played, server, close } = await clients(() => ({
      list: () => {
        throw new KvError('KV_PERMISSION_DENIED', 'the server refused');
      },
    }));
    await assert.rejects(played.lock('key'), { code: 'KV_PERMISSION_DENIED', operation: 'lock', key: 'key' });
    await vi.waitFor(() => assert.equal(server.sessionCount, 0));
    await close();
  });

  test('is told where its watch cannot go on', async () => {
    const { played, other, server, close } = await clients(() => ({
      watch: () => ({
        ended: Promise.reject(new KvError('KV_PERMISSION_DENIED', 'the server refused')),
        catchUp: async () => {},
      }),
    }));
    const held = await other.lock('key');
    await assert.rejects(played.lock('key'), { code: 'KV_PERMISSION_DENIED' });
    await vi.waitFor(() => assert.equal(server.sessionCount, 1));
    await held.release();
    await close();
  });

  test('keeps nothing of the queue but the one before it', async () => {
    setFlagsFromString('--expose-gc');
    const collectGarbage: () => void = runInNewContext('gc');
    const listed: WeakRef<object>[] = [];
    const { played, close, queue } = await clients((memory) => ({
      list: async (...args) => {
        const page = await memory.list(...args);
        const items = page.items.map((pair) => ({ ...pair }));
        listed.push(...items.map((item) => new WeakRef(item)));
        return { ...page, items };
      },
    }));
    const held = await played.lock('key');
    const waiters = Array.from({ length: 20 }, () => assert.rejects(played.lock('key'), { code: 'KV_CLOSED' }));
    await vi.waitFor(() => assert.equal(queue().length, 21));
    await vi.waitFor(() => {
      collectGarbage();
      const kept = listed.filter((pair) => pair.deref() !== undefined).length;
      assert.equal(kept, 0, `${kept} of ${listed.length} pairs are kept`);
    });
    const over = Promise.all(waiters);
    await close();
    await over;
    assert.equal(held.lost.aborted, true);
  });

  test('is woken alone', async () => {
    let reads = 0;
    const server = new MemoryServer();
    const count = (memory: Driver): Partial<Driver> => ({
      list: (...args) => {
        reads++;
        return memory.list(...args);
      },
    });
    const holder = await fakeStore(() => ({}), { server });
    const held = await holder.lock('key');
    const waiters = await Promise.all(Array.from({ length: 5 }, () => fakeStore(count, { server })));
    const waiting: Promise<unknown>[] = [];
    for (const [i, waiter] of waiters.entries()) {
      waiting.push(waiter.lock('key'));
      await vi.waitFor(() => assert.equal([...server.keys('key/.lock')].length, i + 2));
      await vi.waitFor(() => assert.equal(reads, i + 1));
    }
    await held.release();
    await waiting[0];
    assert.equal(reads, waiters.length + 1, 'one waiter looks at the queue after a release');
    const rest = waiting.slice(1).map((wait) => assert.rejects(wait as Promise<never>, { code: 'KV_CLOSED' }));
    await Promise.all(waiters.map((waiter) => waiter.close()));
    await Promise.all(rest);
    await holder.close();
    assert.equal(server.sessionCount, 0);
    assert.equal(server.watchCount, 0);
  });
});

describe('a lock of the driver', () => {
  function hold(): DriverHold & { released: number; lose: () => void } {
    const lost = Promise.withResolvers<void>();
    const made = {
      token: 7n,
      condition: { key: 'key/entry', exists: true },
      lost: lost.promise,
      released: 0,
      lose: lost.resolve,
      release: async () => void made.released++,
    };
    return made;
  }

  test('takes the place of the generic one', async () => {
    const driverHold = hold();
    const { played, server, close } = await clients(() => ({
      lock: {
        acquire: async () => driverHold,
        holder: async () => ({ value: new TextEncoder().encode('me'), token: 7n }),
      },
    }));
    const lock = await played.namespace('key').lock('mine');
    assert.equal(lock.token, 7n);
    assert.deepEqual(lock.condition, { key: 'entry', exists: true });
    assert.deepEqual(await played.lockHolder('key'), { value: 'me', token: 7n });
    driverHold.lose();
    await vi.waitFor(() => assert.equal(lock.lost.aborted, true));
    await lock.release();
    await vi.waitFor(() => assert.equal(server.sessionCount, 0));
    await close();
  });

  test('that is granted after the wait was given up is given back', async () => {
    const granted = Promise.withResolvers<DriverHold>();
    const { played, server, close } = await clients(() => ({
      lock: { acquire: () => granted.promise, holder: async () => undefined },
    }));
    await assert.rejects(played.lock('key', { wait: 20 }), { code: 'KV_TIMEOUT' });
    granted.resolve(hold());
    await vi.waitFor(() => assert.equal(server.sessionCount, 0));
    await close();
  });

  test('that cannot be released is given back with its session, and the caller is told', async () => {
    const { played, server, close } = await clients(() => ({
      lock: {
        acquire: async () => ({ ...hold(), release: () => Promise.reject(away('unknown')) }),
        holder: async () => undefined,
      },
    }));
    const lock = await played.lock('key');
    await assert.rejects(lock.release(), { code: 'KV_UNAVAILABLE', operation: 'lock.release' });
    assert.equal(server.sessionCount, 0);
    await close();
  });
});

test('a watch that cannot go on does not take a lock away from its holder', async () => {
  let fail: (error: Error) => void = () => {};
  const { played, other, close } = await clients((memory) => ({
    watch: (target, sink, signal) => {
      const watch = memory.watch(target, sink, signal);
      const failed = new Promise<never>((_, reject) => {
        fail = reject;
      });
      return { ended: Promise.race([watch.ended, failed]), catchUp: (call) => watch.catchUp(call) };
    },
  }));
  const lock = await played.lock('key');
  fail(new KvError('KV_PERMISSION_DENIED', 'the server refused'));
  await new Promise(setImmediate);
  assert.equal(lock.lost.aborted, false);
  assert.equal(await other.tryLock('key'), undefined);
  await lock.release();
  assert.equal(lock.lost.aborted, false);
  await close();
});
