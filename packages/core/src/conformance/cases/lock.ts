import assert from 'node:assert/strict';
import { conformanceCase } from '../case.ts';
import { goneWithin, keptTtl } from '../durations.ts';
import { quiet, stillPending } from '../pending.ts';

export const lock = [
  conformanceCase('lock/has-one-holder', async ({ open }) => {
    const [one, other] = [await open(), await open()];
    const held = await one.lock('jobs/nightly');
    assert.equal(held.key, 'jobs/nightly');
    assert.equal(held.lost.aborted, false);
    const waiting = quiet(other.lock('jobs/nightly'));
    assert.equal(await stillPending(waiting, 200), true);
    await held.release();
    const next = await waiting;
    assert.equal(next.lost.aborted, false);
    assert(next.token > held.token);
    await next.release();
  }),

  conformanceCase('lock/is-not-reentrant', async ({ open }) => {
    const store = await open();
    const held = await store.lock('key');
    assert.equal(await store.tryLock('key'), undefined);
    const waiting = quiet(store.lock('key'));
    assert.equal(await stillPending(waiting, 100), true);
    await held.release();
    await (await waiting).release();
  }),

  conformanceCase('lock/may-be-taken-again', async ({ open }) => {
    const [one, other] = [await open(), await open()];
    let token = 0n;
    for (let i = 0; i < 12; i++) {
      const held = await (i % 3 === 0 ? other : one).lock('key');
      assert(held.token > token, `the fencing token ${held.token} came after ${token}`);
      token = held.token;
      await held.release();
    }
    assert.equal(typeof token, 'bigint');
  }),

  conformanceCase('lock/tryLock-takes-a-free-one', async ({ open, eventually }) => {
    const [one, other] = [await open(), await open()];
    const held = await one.tryLock('key', { value: 'one' });
    assert(held);
    assert.equal(await other.tryLock('key'), undefined);
    assert.equal(await other.tryLock('key'), undefined);
    await held.release();
    // What the refused attempts have left goes in the background.
    const next = await eventually(async () => (await other.tryLock('key')) ?? assert.fail('it is free'));
    assert(next.token > held.token);
    await next.release();
  }),

  conformanceCase('lock/two-of-them-are-independent', async ({ open }) => {
    const [one, other] = [await open(), await open()];
    const held = await one.lock('locks/a');
    const others = [await other.lock('locks/ab'), await other.lock('locks/b'), await one.lock('locks-c')];
    await held.release();
    assert(others.every((it) => !it.lost.aborted));
    await Promise.all(others.map((it) => it.release()));
  }),

  conformanceCase('lock/release-is-idempotent', async ({ open }) => {
    const [one, other] = [await open(), await open()];
    const held = await one.lock('key');
    await Promise.all([held.release(), held.release()]);
    const next = await other.lock('key');
    await held.release();
    await held[Symbol.asyncDispose]();
    assert.equal(held.lost.aborted, false, 'releasing a lock is not losing it');
    assert.equal((await one.lockHolder('key'))?.token, next.token);
    assert.equal(next.lost.aborted, false);
    await next.release();
  }),

  conformanceCase('lock/release-hands-over-long-before-the-ttl', async ({ open, capabilities }) => {
    const [one, other] = [await open(), await open()];
    const ttl = Math.min(capabilities.session.maxMs, 60_000);
    for (let i = 0; i < 3; i++) {
      const held = await one.lock('key', { ttl });
      const waiting = quiet(other.lock('key', { ttl, wait: 20_000 }));
      assert.equal(await stillPending(waiting, 50), true);
      const start = performance.now();
      await held.release();
      const next = await waiting;
      assert(performance.now() - start < 5_000, 'the next one had to wait for the lock after its release');
      await next.release();
    }
  }),

  conformanceCase('lock/holder-is-told-with-value-and-token', async ({ open }) => {
    const [one, other] = [await open(), await open()];
    assert.equal(await other.lockHolder('key'), undefined);
    const held = await one.lock('key', { value: 'host-7 ünï' });
    assert.deepEqual(await other.lockHolder('key'), { value: 'host-7 ünï', token: held.token });
    const waiting = quiet(other.lock('key'));
    assert.equal(await stillPending(waiting, 50), true);
    assert.deepEqual(await one.lockHolder('key'), { value: 'host-7 ünï', token: held.token });
    await held.release();
    const next = await waiting;
    assert.deepEqual(await one.lockHolder('key'), { value: '', token: next.token });
    await next.release();
    assert.equal(await one.lockHolder('key'), undefined);
  }),

  conformanceCase('lock/leaves-nothing-when-it-is-released', async ({ open, eventually }) => {
    const [one, other] = [await open(), await open()];
    for (let i = 0; i < 3; i++) {
      const held = await one.lock('dir/key', { value: 'x' });
      assert.equal(await other.tryLock('dir/key'), undefined);
      await held.release();
    }
    await eventually(async () => assert.deepEqual(await other.list('', { keysOnly: true }), []));
  }),

  conformanceCase('lock/does-not-show-below-other-directories', async ({ open, observe }) => {
    const [one, other] = [await open(), await open()];
    await one.put('config/a', '');
    const watched = observe(other.watchTree('config'));
    await watched.count(1);
    const held = await one.lock('locks/a', { value: 'x' });
    for (const directory of ['config', 'lock', 'loc', 'a']) {
      const keys = await other.list(directory, { keysOnly: true });
      assert.deepEqual(keys, directory === 'config' ? ['config/a'] : [], directory);
    }
    assert((await other.list('', { keysOnly: true })).every((key) => key === 'config/a' || isBelow(key, 'locks/a')));
    await held.release();
    await one.put('config/b', '');
    assert.deepEqual(
      (await watched.count(2))[1]?.changes.map(({ key }) => key),
      ['config/b'],
    );
  }),

  conformanceCase('lock/is-one-in-all-views-of-the-store', async ({ open }) => {
    const [one, other] = [await open(), await open()];
    const held = await one.namespace('inner').lock('/key/');
    assert.equal(held.key, 'key');
    assert.equal(await other.tryLock('inner/key'), undefined);
    assert.equal((await other.lockHolder('inner/key'))?.token, held.token);
    const free = await other.lock('key');
    await Promise.all([held.release(), free.release()]);
  }),

  conformanceCase(
    'lock/is-kept-past-its-ttl',
    async ({ open, capabilities, eventually }) => {
      const [one, other] = [await open(), await open()];
      const { session } = capabilities;
      const ttl = keptTtl(session);
      const held = await one.lock('key', { ttl });
      const end = performance.now() + ttl * (session.latestFactor + 1);
      await eventually(async () => {
        // Not kept: there is nothing more to wait for.
        if (held.lost.aborted || (await other.lockHolder('key'))?.token !== held.token) return;
        assert(performance.now() > end, 'not long enough yet');
      }, goneWithin(ttl, capabilities) + ttl);
      assert.equal(held.lost.aborted, false);
      assert.equal(await other.tryLock('key'), undefined);
      await held.release();
    },
    { timeout: 60_000 },
  ),

  conformanceCase(
    'lock/condition-holds-exactly-as-long-as-the-lock',
    async ({ open }) => {
      const [one, other] = [(await open()).namespace('inner'), (await open()).namespace('inner')];
      const guarded = (store: typeof one, value: string) =>
        store.transaction({ if: [held.condition], then: [{ type: 'put', key: 'result', value }] });
      const held = await one.lock('locks/key');
      assert.equal((await guarded(one, 'by the holder')).committed, true);
      assert.equal((await guarded(other, 'by another client')).committed, true);
      await held.release();
      assert.equal((await guarded(one, 'after the release')).committed, false);
      const next = await other.lock('locks/key');
      assert.equal((await guarded(one, 'with the lock of another')).committed, false);
      await next.release();
      assert.equal(new TextDecoder().decode((await one.get('result'))?.value), 'by another client');
    },
    { needs: ['transaction'] },
  ),

  conformanceCase('lock/lost-fires-when-its-entry-is-removed', async ({ open, eventually }) => {
    const [one, other] = [await open(), await open()];
    const held = await one.lock('key');
    const waiting = quiet(other.lock('key'));
    assert.equal(await stillPending(waiting, 50), true);
    assert.equal(await other.delete(held.condition.key), true);
    await eventually(() => assert(held.lost.aborted));
    assert.equal(held.lost.reason.code, 'KV_SESSION_LOST');
    const next = await waiting;
    assert(next.token > held.token);
    await held.release();
    assert.equal((await one.lockHolder('key'))?.token, next.token);
    await next.release();
  }),

  conformanceCase('lock/refuses-bad-arguments', async ({ open, capabilities }) => {
    const store = await open();
    for (const wait of [0, -1, Number.NaN]) {
      await assert.rejects(store.lock('key', { wait }), { code: 'KV_INVALID_ARGUMENT', operation: 'lock', key: 'key' });
    }
    for (const ttl of [0, -1, Number.NaN, capabilities.session.maxMs + 1]) {
      await assert.rejects(store.lock('key', { ttl }), { code: 'KV_INVALID_ARGUMENT', operation: 'lock' });
      await assert.rejects(store.tryLock('key', { ttl }), { code: 'KV_INVALID_ARGUMENT', operation: 'tryLock' });
    }
    for (const key of ['', 'a//b', '..']) {
      await assert.rejects(store.lock(key), { code: 'KV_INVALID_KEY' });
      await assert.rejects(store.tryLock(key), { code: 'KV_INVALID_KEY' });
      await assert.rejects(store.lockHolder(key), { code: 'KV_INVALID_KEY' });
    }
    assert.equal(await store.lockHolder('key'), undefined);
  }),
];

function isBelow(key: string, directory: string): boolean {
  return key === directory || key.startsWith(`${directory}/`);
}
