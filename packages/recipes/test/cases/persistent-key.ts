import assert from 'node:assert/strict';
import { KvError, type Store, text } from '@kv/core';
import { type CaseContext, conformanceCase, goneWithin, quiet, shortTtl, stillPending } from '@kv/core/conformance';
import { persistentKey } from '@kv/recipes/persistent-key';

const texts = async ({ open }: Pick<CaseContext, 'open'>) => (await open()).withCodec(text());

/** Tells of the sessions that a recipe opens on this store. */
function sessionsOf(store: Store<string>): string[] {
  const ids: string[] = [];
  const open = store.session.bind(store);
  store.session = async (options) => {
    const session = await open(options);
    ids.push(session.id);
    return session;
  };
  return ids;
}

export const persistentKeys = [
  conformanceCase('persistent-key/lives-until-it-is-closed', async (context) => {
    const [owner, other] = [await texts(context), await texts(context)];
    const kept = await persistentKey(owner, 'members/one', 'first');
    assert.equal((await other.get('members/one'))?.value, 'first');
    await Promise.all([kept.set('second'), kept.set('third')]);
    assert.equal((await other.get('members/one'))?.value, 'third');
    await kept.set(undefined);
    assert.equal(await other.exists('members/one'), false);
    await kept.set('fourth');
    assert.equal((await other.get('members/one'))?.value, 'fourth');
    assert.equal(kept.failure, undefined);
    await Promise.all([kept.close(), kept.close()]);
    assert.equal(await other.exists('members/one'), false);
    await assert.rejects(kept.set('late'), { code: 'KV_CLOSED' });
    assert.equal(await other.exists('members/one'), false);
  }),

  conformanceCase('persistent-key/is-put-back-when-it-is-deleted', async (context) => {
    const [owner, other] = [await texts(context), await texts(context)];
    const kept = await persistentKey(owner, 'key', 'value');
    for (let i = 0; i < 3; i++) {
      assert.equal(await other.delete('key'), true);
      await context.eventually(async () => assert.equal((await other.get('key'))?.value, 'value'));
    }
    await kept.close();
    assert.equal(await other.exists('key'), false);
  }),

  conformanceCase(
    'persistent-key/is-put-back-when-its-session-was-ended',
    async (context) => {
      const [owner, other] = [await texts(context), await texts(context)];
      const sessions = sessionsOf(owner);
      const ttl = shortTtl(context.capabilities.session);
      const kept = await persistentKey(owner, 'key', 'value', { ttl });
      for (let i = 1; i <= 2; i++) {
        // What somebody has written over it stays for as long as the session.
        if (i === 2) await other.put('key', 'by somebody else');
        await context.faults.expireSession(sessions.at(-1) as string);
        await context.eventually(() => assert.equal(sessions.length, i + 1), goneWithin(ttl, context.capabilities));
        await context.eventually(async () => assert.equal((await other.get('key'))?.value, 'value'));
      }
      // Bound to the session that there is now.
      await kept.close();
      assert.equal(await other.exists('key'), false);
    },
    { faults: ['expireSession'], timeout: 90_000 },
  ),

  conformanceCase(
    'persistent-key/is-put-back-also-where-it-may-not-be-watched',
    async (context) => {
      const [owner, other] = [await texts(context), await texts(context)];
      const sessions = sessionsOf(owner);
      owner.watch = () => {
        throw new KvError('KV_PERMISSION_DENIED', 'this user may not watch');
      };
      const ttl = shortTtl(context.capabilities.session);
      const kept = await persistentKey(owner, 'key', 'value', { ttl });
      await context.faults.expireSession(sessions[0] as string);
      await context.eventually(() => assert.equal(sessions.length, 2), goneWithin(ttl, context.capabilities));
      await context.eventually(async () => assert.equal((await other.get('key'))?.value, 'value'));
      await kept.close();
    },
    { faults: ['expireSession'], timeout: 90_000 },
  ),

  conformanceCase('persistent-key/keeps-its-value-when-another-is-refused', async (context) => {
    const [owner, other] = [await texts(context), await texts(context)];
    const tooLarge = 'x'.repeat(owner.capabilities.maxValueBytes + 1);
    const kept = await persistentKey(owner, 'key', 'value');
    await assert.rejects(kept.set(tooLarge), { code: 'KV_VALUE_TOO_LARGE' });
    assert.equal(kept.failure, undefined);
    assert.equal(await other.delete('key'), true);
    await context.eventually(async () => assert.equal((await other.get('key'))?.value, 'value'));
    await kept.set('next');
    assert.equal((await other.get('key'))?.value, 'next');
    await kept.close();
    await assert.rejects(persistentKey(owner, 'other', tooLarge), { code: 'KV_VALUE_TOO_LARGE' });
    const reason = new Error('changed my mind');
    await assert.rejects(persistentKey(owner, 'other', '', { signal: AbortSignal.abort(reason) }), reason);
    assert.equal(await other.exists('other'), false);
  }),

  conformanceCase('persistent-key/is-put-back-when-it-was-deleted-while-another-value-was-refused', async (context) => {
    const [owner, other] = [await texts(context), await texts(context)];
    const kept = await persistentKey(owner, 'key', 'value');
    const seen = context.observe(owner.watch('key'));
    await seen.count(1);
    const failures = ['KV_UNAVAILABLE', 'KV_PERMISSION_DENIED'] as const;
    let tries = 0;
    owner.put = async () => {
      const failure = failures[tries++] ?? assert.fail('it was written again');
      if (tries === 1) {
        assert.equal(await other.delete('key'), true);
        await seen.until((pair) => pair === undefined);
      }
      throw new KvError(failure, 'as a server says', { outcome: 'not-applied' });
    };
    await assert.rejects(kept.set('another'), { code: 'KV_PERMISSION_DENIED' });
    await context.eventually(async () => assert.equal((await other.get('key'))?.value, 'value'));
    await kept.close();
  }),

  conformanceCase('persistent-key/ends-with-the-store', async (context) => {
    const [owner, other] = [await texts(context), await texts(context)];
    const kept = await persistentKey(owner, 'key', 'value');
    await owner.close();
    assert.equal(await other.exists('key'), false);
    await assert.rejects(kept.set('late'), { code: 'KV_CLOSED' });
    await kept.close();
  }),

  conformanceCase(
    'persistent-key/is-put-back-after-a-partition',
    async (context) => {
      const { connect, capabilities, eventually } = context;
      const [{ store, faults }, other] = [await connect({ timeout: 2_000 }), await texts(context)];
      const ttl = shortTtl(capabilities.session);
      const kept = await persistentKey(store.withCodec(text()), 'key', 'value', { ttl });
      const heal = await faults.partition('silent');
      const change = quiet(kept.set('changed meanwhile'));
      await eventually(async () => assert.equal(await other.exists('key'), false), goneWithin(ttl, capabilities));
      assert.notEqual(kept.failure, undefined);
      await heal();
      await change;
      assert.equal((await other.get('key'))?.value, 'changed meanwhile');
      assert.equal(kept.failure, undefined);
      await kept.close();
      assert.equal(await other.exists('key'), false);
    },
    { faults: ['partition'], timeout: 90_000 },
  ),

  conformanceCase(
    'persistent-key/is-away-once-it-was-taken-away-in-an-outage',
    async (context) => {
      const [{ store, faults }, other] = [await context.connect({ timeout: 1_000 }), await texts(context)];
      const kept = await persistentKey(store.withCodec(text()), 'key', 'value');
      const heal = await faults.partition('silent');
      const away = quiet(kept.set(undefined));
      // Sent later: by then, it is known that the server could not be told that the session is over.
      for (let i = 0; i < 2; i++) await assert.rejects(store.get('key'), { code: 'KV_TIMEOUT' });
      assert.equal(await other.exists('key'), true);
      assert.equal(await stillPending(away, 50), true);
      await context.eventually(() => assert.notEqual(kept.failure, undefined));
      await heal();
      await away;
      assert.equal(kept.failure, undefined);
      assert.equal(await other.exists('key'), false);
      await kept.set('back');
      assert.equal((await other.get('key'))?.value, 'back');
      await kept.close();
      assert.equal(await other.exists('key'), false);
    },
    { faults: ['partition'], timeout: 60_000 },
  ),

  conformanceCase(
    'persistent-key/goes-on-after-a-restart',
    async (context) => {
      const [owner, other] = [await texts(context), await texts(context)];
      const kept = await persistentKey(owner, 'key', 'value', { ttl: shortTtl(context.capabilities.session) });
      await context.faults.restart();
      await kept.set('after');
      await context.eventually(async () => assert.equal((await other.get('key'))?.value, 'after'), 30_000);
      await kept.close();
      await context.eventually(async () => assert.equal(await other.exists('key'), false), 30_000);
    },
    { faults: ['restart'], timeout: 120_000 },
  ),
];
