import assert from 'node:assert/strict';
import { type DriverSession, KvError, type Session } from '@kv/core';
import { Gate, MemoryServer, memory } from '@kv/core/memory';
import { afterEach, beforeEach, describe, test, vi } from 'vitest';
import { openStore } from '../src/open-store.ts';
import { fakeStore } from './fake-driver.ts';

const ttl = 30_000;
/** A tenth of `ttl`, at most a second. */
const margin = 1_000;
/** When the first renewal is sent. */
const third = ttl / 3;

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** A session whose server is played by the test. */
async function playedSession({ renew = async () => {}, close = async () => {} }: Partial<DriverSession> = {}) {
  const calls = { renew: 0, close: 0 };
  const store = await fakeStore(() => ({
    openSession: async () => ({
      id: 'played',
      ttl,
      renew: (call) => {
        calls.renew++;
        return renew(call);
      },
      close: (call) => {
        calls.close++;
        return close(call);
      },
    }),
  }));
  return { store, session: await store.session({ ttl }), calls };
}

function lossOf(session: Session): { at?: number } {
  const start = performance.now();
  const loss: { at?: number } = {};
  session.lost.addEventListener('abort', () => {
    loss.at = performance.now() - start;
  });
  return loss;
}

const never = () => new Promise<never>(() => {});
const away = () => new KvError('KV_UNAVAILABLE', 'the server is away', { retryable: true });

describe('the local clock', () => {
  test('ends a session whose renewals nobody answers, before the server may', async () => {
    const { store, session, calls } = await playedSession({ renew: never });
    const loss = lossOf(session);
    await vi.advanceTimersByTimeAsync(ttl - margin - 1);
    assert.equal(session.lost.aborted, false);
    await vi.advanceTimersByTimeAsync(2);
    assert(session.lost.aborted && session.lost.reason.code === 'KV_SESSION_LOST');
    assert(loss.at !== undefined && loss.at <= ttl - margin + 1, `lost after ${loss.at} ms`);
    assert.equal(calls.close, 1, 'the server may still have it, and others wait');
    await store.close();
  });

  test('ends a session whose renewals fail', async () => {
    const { store, session, calls } = await playedSession({ renew: () => Promise.reject(away()) });
    await vi.advanceTimersByTimeAsync(third + 100);
    assert.equal(store.status, 'reconnecting');
    await vi.advanceTimersByTimeAsync(ttl);
    assert.equal(session.lost.aborted, true);
    assert.equal(store.status, 'connected');
    const { renew } = calls;
    assert(renew > 3, 'it was tried again');
    await vi.advanceTimersByTimeAsync(10 * ttl);
    assert.equal(calls.renew, renew, 'a lost session is not renewed');
    await store.close();
  });

  test('is asked whenever `lost` is read, for timers are late in a process that was frozen', async () => {
    const { store, session } = await playedSession();
    const loss = lossOf(session);
    const now = performance.now();
    const clock = vi.spyOn(performance, 'now');
    clock.mockReturnValue(now + ttl - margin - 1);
    assert.equal(session.lost.aborted, false);
    clock.mockReturnValue(now + ttl - margin);
    assert.equal(session.lost.aborted, true, 'no timer has fired, and time is up');
    assert(loss.at !== undefined);
    clock.mockRestore();
    await assert.rejects(store.put('key', '', { session }), { code: 'KV_SESSION_LOST', outcome: 'not-applied' });
    await store.close();
  });

  test('refuses a write though nobody has looked at `lost`', async () => {
    const { store, session } = await playedSession();
    const now = performance.now();
    const clock = vi.spyOn(performance, 'now').mockReturnValue(now + ttl);
    await assert.rejects(store.put('key', '', { session }), { code: 'KV_SESSION_LOST' });
    clock.mockRestore();
    assert.equal(await store.exists('key'), false);
    await store.close();
  });

  test('counts from when a renewal was sent, not from when it was answered', async () => {
    const slow = third - 1;
    const { store, session } = await playedSession({
      renew: () => new Promise((resolve) => setTimeout(resolve, slow)),
    });
    const renewed = vi.fn();
    session.lost.addEventListener('abort', renewed);
    await vi.advanceTimersByTimeAsync(third + slow);
    // From here on nobody answers.
    await vi.advanceTimersByTimeAsync(0);
    assert.equal(renewed.mock.calls.length, 0);
    const clock = vi.spyOn(performance, 'now');
    const sentAt = performance.now() - slow;
    clock.mockReturnValue(sentAt + ttl - margin - 1);
    assert.equal(session.lost.aborted, false);
    clock.mockReturnValue(sentAt + ttl - margin);
    assert.equal(session.lost.aborted, true);
    clock.mockRestore();
    await store.close();
  });

  test('is not turned back by a renewal that is answered after the session was given up', async () => {
    const answer = Promise.withResolvers<void>();
    const { store, session, calls } = await playedSession({ renew: () => answer.promise });
    await vi.advanceTimersByTimeAsync(ttl);
    assert.equal(session.lost.aborted, true);
    answer.resolve();
    await vi.advanceTimersByTimeAsync(2 * ttl);
    assert.equal(session.lost.aborted, true);
    assert.equal(calls.close, 1);
    await store.close();
  });
});

describe('a renewal', () => {
  test('keeps the session for as long as it is confirmed', async () => {
    const { store, session, calls } = await playedSession();
    await vi.advanceTimersByTimeAsync(100 * ttl);
    assert.equal(session.lost.aborted, false);
    assert(calls.renew >= 299 && calls.renew <= 301, `${calls.renew} renewals`);
    await store.close();
  });

  test('that fails is tried again in time', async () => {
    let failures = 0;
    const { store, session } = await playedSession({
      renew: async () => {
        if (failures++ % 4 !== 3) throw away();
      },
    });
    await vi.advanceTimersByTimeAsync(20 * ttl);
    assert.equal(session.lost.aborted, false);
    await store.close();
  });

  test('that nobody answers leaves time for another one', async () => {
    let tries = 0;
    const { store, session } = await playedSession({ renew: () => (++tries % 2 === 1 ? never() : Promise.resolve()) });
    await vi.advanceTimersByTimeAsync(20 * ttl);
    assert.equal(session.lost.aborted, false);
    await store.close();
  });

  test('to which the server says that the session is gone ends it at once', async () => {
    const { store, session, calls } = await playedSession({
      renew: async () => {
        throw new KvError('KV_SESSION_LOST', 'the server does not know it');
      },
    });
    const loss = lossOf(session);
    await vi.advanceTimersByTimeAsync(third + 10);
    assert(loss.at !== undefined && loss.at <= third + 10);
    assert.equal(session.lost.reason.code, 'KV_SESSION_LOST');
    assert.equal(calls.renew, 1);
    await store.close();
  });

  test('that fails with what is no KvError is a failure like others', async () => {
    let tries = 0;
    const { store, session } = await playedSession({
      renew: async () => {
        if (++tries === 1) throw new TypeError('socket hang up');
      },
    });
    await vi.advanceTimersByTimeAsync(3 * ttl);
    assert.equal(session.lost.aborted, false);
    await store.close();
  });
});

describe('closing', () => {
  test('leaves no timer', async () => {
    const { store, session, calls } = await playedSession();
    assert(vi.getTimerCount() > 0);
    await session.close();
    assert.equal(vi.getTimerCount(), 0);
    await vi.advanceTimersByTimeAsync(10 * ttl);
    assert.deepEqual(calls, { renew: 0, close: 1 });
    assert.equal(session.lost.aborted, false);
    await store.close();
    assert.equal(calls.close, 1);
  });

  test('asks the server once, however often it is called, and tells each caller of its failure', async () => {
    const { store, session, calls } = await playedSession({ close: () => Promise.reject(away()) });
    const closing = [session.close(), session.close()].map((closed) =>
      assert.rejects(closed, { code: 'KV_UNAVAILABLE', operation: 'session.close' }),
    );
    await vi.advanceTimersByTimeAsync(20_000);
    await Promise.all(closing);
    const { close } = calls;
    await assert.rejects(session.close(), { code: 'KV_UNAVAILABLE' });
    assert.equal(calls.close, close);
    await store.close();
  });

  test('the store tells who relies on a session before it tells the server', async () => {
    let knewIt: boolean | undefined;
    const { store, session } = await playedSession({
      close: async () => {
        knewIt = session.lost.aborted;
      },
    });
    await store.close();
    assert.equal(knewIt, true);
    assert.equal(session.lost.reason.code, 'KV_CLOSED');
  });

  test('the store ends also what opens while it closes', async () => {
    const opened = Promise.withResolvers<DriverSession>();
    const close = vi.fn(async () => {});
    const store = await fakeStore(() => ({ openSession: () => opened.promise }));
    const opening = store.session({ ttl });
    const closed = store.close();
    await vi.advanceTimersByTimeAsync(0);
    opened.resolve({ id: 'late', ttl, renew: async () => {}, close });
    await closed;
    assert.equal((await opening).lost.reason.code, 'KV_CLOSED');
    assert.equal(close.mock.calls.length, 1);
    assert.equal(vi.getTimerCount(), 0);
  });

  test('the store closes its sessions, and does not wait for ever for a server that is away', async () => {
    const { store, calls } = await playedSession({ close: never });
    const closed = store.close();
    await vi.advanceTimersByTimeAsync(10_001);
    await closed;
    assert.equal(calls.close, 1);
    assert.equal(vi.getTimerCount(), 0);
  });
});

describe('opening', () => {
  test('that was aborted closes the session that comes of it later', async () => {
    const opened = Promise.withResolvers<DriverSession>();
    const close = vi.fn(async () => {});
    const store = await fakeStore(() => ({ openSession: () => opened.promise }));
    const abort = new AbortController();
    const opening = assert.rejects(store.session({ ttl, signal: abort.signal }), abort.signal.reason);
    abort.abort();
    await opening;
    opened.resolve({ id: 'late', ttl, renew: async () => {}, close });
    await vi.advanceTimersByTimeAsync(0);
    assert.equal(close.mock.calls.length, 1);
    await store.close();
    assert.equal(vi.getTimerCount(), 0);
  });

  test('that took too long closes the session that comes of it later', async () => {
    const opened = Promise.withResolvers<DriverSession>();
    const close = vi.fn(async () => {});
    const store = await fakeStore(() => ({ openSession: () => opened.promise }));
    const opening = assert.rejects(store.session({ ttl, timeout: 500 }), { code: 'KV_TIMEOUT', operation: 'session' });
    await vi.advanceTimersByTimeAsync(500);
    await opening;
    opened.resolve({ id: 'late', ttl, renew: async () => {}, close });
    await vi.advanceTimersByTimeAsync(0);
    assert.equal(close.mock.calls.length, 1);
    await store.close();
  });

  test('that is aborted at any moment leaves no session on the server', async () => {
    vi.useRealTimers();
    const [server, link] = [new MemoryServer(), new Gate()];
    const store = await openStore(memory({ server, link }));
    link.latency = 4;
    for (let i = 0; i < 20; i++) {
      const abort = new AbortController();
      const opening = store.session({ ttl, signal: abort.signal });
      const timer = setTimeout(() => abort.abort(), i);
      await opening.then(
        (session) => session.close(),
        (error) => assert.equal(error, abort.signal.reason),
      );
      clearTimeout(timer);
    }
    await vi.waitFor(() => assert.equal(server.sessionCount, 0));
    await store.close();
  });
});
