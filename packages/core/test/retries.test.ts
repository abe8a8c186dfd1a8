import assert from 'node:assert/strict';
import { tracingChannel } from 'node:diagnostics_channel';
import { setTimeout as delay } from 'node:timers/promises';
import { type CallTrace, type Driver, type DriverFactory, KvError, openStore, type StoreOptions } from '@kv/core';
import { memory } from '@kv/core/memory';
import { describe, onTestFinished, test, vi } from 'vitest';
import { replaced } from './broken-drivers/broken-driver.ts';

function scripted(members: (driver: Driver) => Partial<Driver>): DriverFactory {
  const sound = memory();
  return {
    ...sound,
    connect: async (call) => {
      const driver = await sound.connect(call);
      return replaced(driver, members(driver));
    },
  };
}

async function opened(members: (driver: Driver) => Partial<Driver>, options?: StoreOptions) {
  const store = await openStore(scripted(members), options);
  onTestFinished(() => store.close());
  return store;
}

const unreachable = (outcome: 'not-applied' | 'unknown') =>
  new KvError('KV_UNAVAILABLE', 'gone', { retryable: true, outcome });

describe('a call that fails', () => {
  test('is sent again if it is a read, whatever its outcome', async () => {
    let sent = 0;
    const store = await opened(() => ({
      get: async () => {
        if (++sent < 4) throw unreachable('unknown');
        return undefined;
      },
    }));
    assert.equal(await store.get('key'), undefined);
    assert.equal(sent, 4);
  });

  test('is sent again if it is a write that was not applied', async () => {
    let sent = 0;
    const store = await opened((driver) => ({
      put: (...args) => {
        if (++sent < 3) throw unreachable('not-applied');
        return driver.put(...args);
      },
    }));
    assert.equal((await store.put('key', 'value')).key, 'key');
    assert.equal(sent, 3);
  });

  test('is never sent again if it is a write that may have been applied', async () => {
    let sent = 0;
    const store = await opened(() => ({
      put: async () => {
        sent++;
        throw unreachable('unknown');
      },
    }));
    await assert.rejects(store.put('key', 'value'), { code: 'KV_UNAVAILABLE', outcome: 'unknown', retryable: false });
    assert.equal(sent, 1);
  });

  test('is not sent again if it says so', async () => {
    let sent = 0;
    const store = await opened(() => ({
      get: async () => {
        sent++;
        throw new KvError('KV_PERMISSION_DENIED', 'no');
      },
    }));
    await assert.rejects(store.get('key'), { code: 'KV_PERMISSION_DENIED' });
    assert.equal(sent, 1);
  });

  test('tells the retries to those who trace', async () => {
    const traces: CallTrace[] = [];
    const subscribers = { asyncEnd: (message: object) => void traces.push(message as CallTrace) };
    const channel = tracingChannel<unknown, object>('kv:call');
    channel.subscribe(subscribers as never);
    onTestFinished(() => void channel.unsubscribe(subscribers as never));
    let sent = 0;
    const store = await opened(() => ({
      exists: async () => {
        if (++sent < 3) throw unreachable('not-applied');
        return true;
      },
    }));
    assert.equal(await store.exists('key'), true);
    assert.deepEqual(
      traces.map(({ operation, retries }) => [operation, retries]),
      [
        ['openStore', 0],
        ['exists', 2],
      ],
    );
  });

  test('becomes the last failure when no time is left for another attempt', async () => {
    const store = await opened(() => ({ get: () => Promise.reject(unreachable('not-applied')) }), { timeout: 200 });
    await assert.rejects(store.get('key'), { code: 'KV_UNAVAILABLE', operation: 'get', key: 'key' });
  });

  test('is not sent again after its timeout, even if the timer was early', async () => {
    const start = performance.now();
    let sent = 0;
    const store = await opened(() => ({ get: () => (++sent === 1 ? new Promise(() => {}) : unexpected()) }));
    const unexpected = () => Promise.reject(unreachable('unknown'));
    vi.spyOn(performance, 'now').mockReturnValue(start);
    onTestFinished(() => void vi.restoreAllMocks());
    await assert.rejects(store.get('key', { timeout: 50 }), { code: 'KV_TIMEOUT' });
    assert.equal(sent, 1);
  });

  test('is the cause of the timeout that cuts off the next attempt', async () => {
    let sent = 0;
    const never = new Promise<never>(() => {});
    const store = await opened(
      () => ({ get: () => (++sent === 1 ? Promise.reject(unreachable('not-applied')) : never) }),
      { timeout: 200 },
    );
    await assert.rejects(store.get('key'), (error) => {
      assert(KvError.is(error, 'KV_TIMEOUT'));
      assert(KvError.is(error.cause, 'KV_UNAVAILABLE'));
      return true;
    });
  });

  test('is internal where the driver throws anything else', async () => {
    const cause = new TypeError('x is not a function');
    const store = await opened(() => ({
      get: () => {
        throw cause;
      },
      put: () => Promise.reject(cause),
    }));
    await assert.rejects(store.get('key'), { code: 'KV_INTERNAL', cause, outcome: undefined });
    await assert.rejects(store.put('key', ''), { code: 'KV_INTERNAL', cause, outcome: 'unknown' });
  });
});

describe('a driver that answers when nobody waits any more', () => {
  test('with an error, leaves no stray rejection', async () => {
    const late = Promise.withResolvers<never>();
    const store = await opened(() => ({ get: () => late.promise }), { timeout: 20 });
    await assert.rejects(store.get('key'), { code: 'KV_TIMEOUT' });
    late.reject(new Error('late'));
    // A stray rejection would fail the run.
    await delay(1);
  });

  test('is told to stop', async () => {
    const signals: AbortSignal[] = [];
    const store = await opened(
      () => ({
        get: (_key, _consistency, call) => {
          signals.push(call.signal);
          return new Promise(() => {});
        },
      }),
      { timeout: 20 },
    );
    await assert.rejects(store.get('key'), { code: 'KV_TIMEOUT' });
    const reason = new Error('enough');
    const controller = new AbortController();
    const pending = assert.rejects(store.get('key', { signal: controller.signal }), reason);
    controller.abort(reason);
    await pending;
    assert.equal(signals.length, 2);
    assert(KvError.is(signals[0]?.reason, 'KV_TIMEOUT'));
    assert.equal(signals[1]?.reason, reason);
  });

  test('with a session, has it closed', async () => {
    const answer = Promise.withResolvers<void>();
    const closed = Promise.withResolvers<void>();
    const store = await opened((driver) => ({
      openSession: async (ttl, call) => {
        const session = await driver.openSession(ttl, call);
        await answer.promise;
        return {
          ...session,
          close: async (closing) => {
            await session.close(closing);
            closed.resolve();
          },
        };
      },
    }));
    const controller = new AbortController();
    const pending = assert.rejects(store.session({ signal: controller.signal }), controller.signal.reason);
    controller.abort();
    await pending;
    answer.resolve();
    await closed.promise;
  });

  test('with a connection, has it closed', async () => {
    const answer = Promise.withResolvers<void>();
    const closed = Promise.withResolvers<void>();
    const sound = memory();
    const slow: DriverFactory = {
      ...sound,
      connect: async (call) => {
        const driver = await sound.connect(call);
        await answer.promise;
        return replaced(driver, { close: async () => closed.resolve() });
      },
    };
    await assert.rejects(openStore(slow, { timeout: 20 }), { code: 'KV_TIMEOUT', operation: 'openStore' });
    answer.resolve();
    await closed.promise;
  });
});
