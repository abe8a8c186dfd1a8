import assert from 'node:assert/strict';
import { conformanceCase } from '../case.ts';
import { goneWithin, keptTtl, shortTtl } from '../durations.ts';
import { stillPending } from '../pending.ts';
import { treeSteps } from '../watch-steps.ts';

export const sessionFaults = [
  ...(['refuse', 'silent'] as const).map((mode) =>
    conformanceCase(
      `session/is-lost-before-others-see-its-keys-go-${mode}`,
      async ({ open, connect, observe, eventually, capabilities }) => {
        const [{ store: owner, faults }, other] = [await connect(), await open()];
        const session = await owner.session({ ttl: shortTtl(capabilities.session) });
        await owner.put('members/key', '', { session });
        const watched = observe(treeSteps(other.watchTree('members')));
        await watched.count(1);
        let told = false;
        session.lost.addEventListener('abort', () => {
          told = true;
        });
        const heal = await faults.partition(mode);
        const within = goneWithin(session.ttl, capabilities);
        await watched.until(({ pairs }) => pairs.size === 0, { within });
        assert(told, 'others saw its keys gone before its owner was told');
        assert.equal(session.lost.reason.code, 'KV_SESSION_LOST');
        const refused = assert.rejects(owner.put('late', '', { session }), { code: 'KV_SESSION_LOST' });
        assert.equal(await stillPending(refused, 1_000), false, 'the refusal waits for the server');
        await refused;
        await heal();
        await session.close().catch((error) => assert.equal(error.code, 'KV_UNAVAILABLE'));
        assert(session.lost.aborted, 'it does not come back');
        const next = await eventually(() => owner.session(), 30_000);
        await eventually(() => owner.put('members/key', '', { session: next }), 30_000);
        await next.close();
        assert.equal(await other.exists('late'), false);
      },
      { faults: ['partition'], timeout: 120_000 },
    ),
  ),

  conformanceCase(
    'session/survives-a-short-cut',
    async ({ open, connect, eventually, capabilities }) => {
      const [{ store: owner, faults }, other] = [await connect(), await open()];
      const ttl = keptTtl(capabilities.session);
      const session = await owner.session({ ttl });
      await owner.put('key', '', { session });
      await faults.reset();
      const heal = await faults.partition('refuse');
      assert.equal(await stillPending(new Promise(() => {}), 400), true);
      await heal();
      const end = performance.now() + session.ttl * capabilities.session.latestFactor;
      await eventually(
        async () => {
          // Not kept: there is nothing more to wait for.
          if (session.lost.aborted || !(await other.exists('key'))) return;
          assert(performance.now() > end, 'not long enough yet');
        },
        goneWithin(session.ttl, capabilities),
      );
      assert.equal(session.lost.aborted, false);
      assert.equal(await other.exists('key'), true);
      await session.close();
      assert.equal(await other.exists('key'), false);
    },
    { faults: ['reset', 'partition'], timeout: 60_000 },
  ),

  conformanceCase(
    'session/is-kept-or-lost-by-a-restart-and-its-owner-knows',
    async ({ open, faults, eventually }) => {
      const [owner, other] = [await open(), await open()];
      const session = await owner.session();
      await owner.put('key', '', { session });
      await faults.restart();
      await eventually(async () => {
        if (!session.lost.aborted) await owner.put('key', 'after the restart', { session });
      }, 60_000);
      if (session.lost.aborted) {
        await eventually(async () => assert.equal(await other.exists('key'), false), 60_000);
      } else {
        assert.equal(await other.exists('key'), true);
        await eventually(() => session.close(), 30_000);
        assert.equal(await other.exists('key'), false);
      }
    },
    { faults: ['restart'], timeout: 150_000 },
  ),

  conformanceCase(
    'session/close-returns-while-the-server-is-away',
    async ({ open, connect, eventually, capabilities }) => {
      const [{ store: owner, faults }, other] = [await connect({ timeout: 2_000 }), await open()];
      const session = await owner.session({ ttl: shortTtl(capabilities.session) });
      await owner.put('key', '', { session });
      await faults.partition('silent');
      const closed = assert.rejects(session.close(), { operation: 'session.close' });
      assert.equal(await stillPending(closed, 5_000), false, 'close waits for the server');
      await closed;
      await assert.rejects(owner.put('late', '', { session }), { code: 'KV_SESSION_LOST' });
      await eventually(
        async () => assert.equal(await other.exists('key'), false),
        goneWithin(session.ttl, capabilities),
      );
    },
    { faults: ['partition'], timeout: 60_000 },
  ),
];
