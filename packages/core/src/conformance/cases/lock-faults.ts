import assert from 'node:assert/strict';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { CallTrace } from '../../tracing.ts';
import { conformanceCase } from '../case.ts';
import { goneWithin, keptTtl, shortTtl } from '../durations.ts';
import { quiet, stillPending } from '../pending.ts';

/** Resolves when a call of `lock` has opened its session, which is the first thing that it does. Before, it waits for nothing yet. */
function sessionOpened(key: string): Promise<void> {
  return new Promise((resolve) => {
    const name = 'tracing:kv:call:asyncEnd';
    const onEnd = (message: unknown) => {
      const trace = message as CallTrace;
      if (trace.operation !== 'lock' || trace.key !== key) return;
      unsubscribe(name, onEnd);
      resolve();
    };
    subscribe(name, onEnd);
  });
}

export const lockFaults = [
  ...(['refuse', 'silent'] as const).map((mode) =>
    conformanceCase(
      `lock/is-lost-before-another-client-holds-it-${mode}`,
      async ({ open, connect, capabilities }) => {
        const [{ store: one, faults }, other] = [await connect({ timeout: 2_000 }), await open()];
        const ttl = shortTtl(capabilities.session);
        const held = await one.lock('key', { ttl });
        let told = false;
        held.lost.addEventListener('abort', () => {
          told = true;
        });
        const waiting = quiet(other.lock('key', { wait: goneWithin(ttl, capabilities) }));
        assert.equal(await stillPending(waiting, 50), true);
        const heal = await faults.partition(mode);
        const next = await waiting;
        assert(told, 'another client held the lock before this one was told');
        assert.equal(held.lost.reason.code, 'KV_SESSION_LOST');
        assert(next.token > held.token);
        await heal();
        await held.release().catch((error) => assert.match(error.code, /^KV_(UNAVAILABLE|TIMEOUT)$/));
        assert.equal((await other.lockHolder('key'))?.token, next.token, 'the late release took the lock of another');
        assert.equal(next.lost.aborted, false);
        await next.release();
      },
      { faults: ['partition'], timeout: 90_000 },
    ),
  ),

  conformanceCase(
    'lock/a-release-that-cannot-be-told-frees-it-in-time',
    async ({ open, connect, capabilities }) => {
      const [{ store: one, faults }, other] = [await connect({ timeout: 2_000 }), await open()];
      const ttl = keptTtl(capabilities.session);
      const held = await one.lock('key', { ttl });
      await faults.partition('silent');
      const released = assert.rejects(held.release(), { name: 'KvError' });
      assert.equal(await stillPending(released, 6_000), false, 'release waits for the server');
      await released;
      const next = await other.lock('key', { wait: goneWithin(ttl, capabilities) });
      assert(next.token > held.token);
      await next.release();
    },
    { faults: ['partition'], timeout: 60_000 },
  ),

  conformanceCase(
    'lock/a-waiter-survives-a-broken-connection',
    async ({ open, connect, namespace }) => {
      const [one, { store: other, faults }] = [await open(), await connect()];
      const held = await one.lock('key');
      const opened = sessionOpened(`${namespace}/key`);
      const waiting = quiet(other.lock('key', { wait: 30_000 }));
      await opened;
      assert.equal(await stillPending(waiting, 100), true);
      await faults.reset();
      const heal = await faults.partition('refuse');
      assert.equal(await stillPending(waiting, 200), true);
      await held.release();
      await heal();
      await (await waiting).release();
    },
    { faults: ['reset', 'partition'], timeout: 60_000 },
  ),

  conformanceCase(
    'lock/a-waiter-survives-a-restart',
    async ({ open, faults, eventually, namespace }) => {
      const [one, other] = [await open(), await open()];
      const held = await one.lock('key');
      const opened = sessionOpened(`${namespace}/key`);
      const waiting = quiet(other.lock('key', { wait: 60_000 }));
      await opened;
      assert.equal(await stillPending(waiting, 200), true);
      await faults.restart();
      if (!held.lost.aborted) assert.equal(await stillPending(waiting, 200), !held.lost.aborted);
      await eventually(() => one.exists('any'), 60_000);
      await held.release();
      await (await waiting).release();
    },
    { faults: ['restart'], timeout: 150_000 },
  ),

  conformanceCase(
    'lock/is-kept-or-lost-by-a-restart-and-its-holder-knows',
    async ({ open, faults, eventually }) => {
      const [one, other] = [await open(), await open()];
      const held = await one.lock('key');
      await faults.restart();
      const holder = await eventually(() => other.lockHolder('key'), 60_000);
      if (holder?.token === held.token) {
        const stolen = await other.tryLock('key');
        assert(stolen === undefined || held.lost.aborted, 'two clients hold the lock');
        await stolen?.release();
      } else {
        await eventually(() => assert(held.lost.aborted, 'the lock is gone, and its holder does not know'));
      }
      await held.release();
      const next = await other.lock('key', { wait: 40_000 });
      assert(next.token > held.token);
      await next.release();
    },
    { faults: ['restart'], timeout: 150_000 },
  ),

  conformanceCase(
    'lock/a-waiter-that-is-cut-off-is-told',
    async ({ open, connect, capabilities, namespace }) => {
      const [one, { store: other, faults }] = [await open(), await connect()];
      const ttl = shortTtl(capabilities.session);
      const held = await one.lock('key');
      const opened = sessionOpened(`${namespace}/key`);
      const waiting = quiet(other.lock('key', { ttl }));
      await opened;
      assert.equal(await stillPending(waiting, 50), true);
      await faults.partition('refuse');
      const told = assert.rejects(waiting, { code: 'KV_SESSION_LOST', operation: 'lock', key: 'key' });
      assert.equal(await stillPending(told, goneWithin(ttl, capabilities)), false, 'it waits without an end');
      await told;
      assert.equal(held.lost.aborted, false);
      await held.release();
    },
    { faults: ['partition'], timeout: 60_000 },
  ),

  conformanceCase(
    'lock/a-dead-waiter-does-not-block-the-queue',
    async ({ open, connect, capabilities, namespace }) => {
      const [one, dying, third] = [await open(), await connect(), await open()];
      const ttl = shortTtl(capabilities.session);
      const kept = { ttl: keptTtl(capabilities.session) };
      const held = await one.lock('key', kept);
      const opened = sessionOpened(`${namespace}/key`);
      const dead = quiet(dying.store.lock('key', { ttl }));
      await opened;
      assert.equal(await stillPending(dead, 200), true);
      await dying.faults.partition('silent');
      const waiting = quiet(third.lock('key', kept));
      assert.equal(await stillPending(waiting, 50), true);
      await held.release();
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<never>((_, reject) => {
        const fail = () => reject(new assert.AssertionError({ message: 'the dead waiter still blocks the lock' }));
        timer = setTimeout(fail, goneWithin(ttl, capabilities));
      });
      const next = await Promise.race([waiting, late]).finally(() => clearTimeout(timer));
      await next.release();
      await assert.rejects(dead, { code: 'KV_SESSION_LOST' });
    },
    { faults: ['partition'], timeout: 60_000 },
  ),
];
