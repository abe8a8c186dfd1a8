import assert from 'node:assert/strict';
import { json, type Store, text } from '@kv/core';
import { conformanceCase, goneWithin, quiet, shortTtl, stillPending } from '@kv/core/conformance';
import { Election } from '@kv/recipes/election';

const electionOf = (store: Store, ttl?: number) => new Election(store, 'leaders/jobs', { codec: text(), ttl });

/** Resolves with what `lost` aborts with. */
const lossOf = (lost: AbortSignal) =>
  new Promise<unknown>((resolve) => {
    lost.addEventListener('abort', () => resolve(lost.reason), { once: true });
    if (lost.aborted) resolve(lost.reason);
  });

export const election = [
  conformanceCase('election/has-one-leader-and-terms-that-grow', async ({ open }) => {
    const [one, other] = [electionOf(await open()), electionOf(await open())];
    let term = 0n;
    for (let round = 0; round < 3; round++) {
      const leads = await one.campaign('one');
      assert(leads.term > term);
      assert.equal(leads.lost.aborted, false);
      const waiting = quiet(other.campaign('other'));
      assert.equal(await stillPending(waiting, 50), true);
      await leads.resign();
      const next = await waiting;
      assert(next.term > leads.term);
      assert.equal(leads.lost.aborted, false, 'to resign is not to lose');
      term = next.term;
      await next.resign();
    }
  }),

  conformanceCase('election/an-aborted-campaign-leaves-nothing', async ({ open, eventually }) => {
    const [one, other, third] = [await open(), await open(), await open()];
    const leads = await electionOf(one).campaign('one');
    const abort = new AbortController();
    const waiting = quiet(electionOf(other).campaign('other', { signal: abort.signal }));
    assert.equal(await stillPending(waiting, 50), true);
    const reason = new Error('changed my mind');
    abort.abort(reason);
    await assert.rejects(waiting, reason);
    await assert.rejects(electionOf(other).campaign('other', { signal: abort.signal }), reason);
    await leads.resign();
    const next = await electionOf(third).campaign('third');
    await next.resign();
    await eventually(async () => assert.deepEqual(await one.list('leaders', { keysOnly: true }), []));
  }),

  conformanceCase('election/observers-see-each-leader-and-that-there-is-none', async ({ open, observe }) => {
    const [one, other, observer] = [await open(), await open(), await open()];
    const typed = (store: Store) => new Election(store, 'leader', { codec: json<{ host: string; port: number }>() });
    const seen = observe(typed(observer).observe());
    await seen.until((leader) => leader === undefined);
    const first = await typed(one).campaign({ host: 'host-ü', port: 80 });
    await seen.until((leader) => leader?.term === first.term);
    assert.deepEqual(seen.steps.at(-1)?.value, { host: 'host-ü', port: 80 });
    assert.deepEqual(await typed(observer).leader(), { ...seen.steps.at(-1) });
    await first.resign();
    await seen.until((leader) => leader === undefined, { from: 1 });
    const second = await typed(other).campaign({ host: 'other', port: 81 });
    await seen.until((leader) => leader?.term === second.term);
    const late = typed(observer).observe()[Symbol.asyncIterator]();
    assert.equal((await late.next()).value?.term, second.term);
    const pending = late.next();
    await late.return?.();
    assert.deepEqual(await pending, { done: true, value: undefined });
    await second.resign();
  }),

  conformanceCase('election/a-leader-that-says-nonsense-does-not-end-an-observation', async ({ open, observe }) => {
    const [one, observer] = [await open(), await open()];
    const numbers = new Election(observer, 'leader', { codec: json<number>() });
    const seen = observe(numbers.observe());
    await seen.count(1);
    const first = await new Election(one, 'leader', { codec: text() }).campaign('{');
    await seen.until((leader) => leader?.term === first.term);
    assert.throws(() => seen.steps.at(-1)?.value, { code: 'KV_DECODE_FAILED' });
    await first.resign();
    await seen.until((leader) => leader === undefined, { from: 1 });
  }),

  conformanceCase(
    'election/a-term-is-a-condition-for-writes',
    async ({ open }) => {
      const [one, other] = [await open(), await open()];
      const leads = await electionOf(one).campaign('one');
      const write = () => one.transaction({ if: [leads.condition], then: [{ type: 'put', key: 'plan', value: 'v' }] });
      assert.equal((await write()).committed, true);
      await leads.resign();
      const next = await electionOf(other).campaign('other');
      assert.equal((await write()).committed, false);
      await next.resign();
    },
    { needs: ['transaction'] },
  ),

  conformanceCase('election/who-resigns-with-a-cool-down-lets-others-lead', async ({ open }) => {
    const [one, other] = [electionOf(await open()), electionOf(await open())];
    const leads = await one.campaign('one');
    const start = performance.now();
    const coolDown = 700;
    await leads.resign({ coolDown });
    await leads.resign();
    const again = one.campaign('one');
    const next = await other.campaign('other');
    await next.resign();
    const last = await again;
    assert(last.term > next.term);
    assert(performance.now() - start >= coolDown - 5, 'it did not wait');
    await last.resign({ coolDown: 60_000 });
    const abort = new AbortController();
    const waiting = quiet(one.campaign('one', { signal: abort.signal }));
    assert.equal(await stillPending(waiting, 20), true);
    abort.abort();
    await assert.rejects(waiting, { name: 'AbortError' });
  }),

  conformanceCase('election/lead-works-resigns-and-tells-the-result', async ({ open }) => {
    const [one, other] = [electionOf(await open()), electionOf(await open())];
    assert.equal(await one.lead('one', async ({ term }) => `done in ${typeof term}`), 'done in bigint');
    const failure = new Error('no disk');
    const failing = one.lead('one', () => {
      throw failure;
    });
    await assert.rejects(failing, failure);
    await (await other.campaign('other')).resign();
    const abort = new AbortController();
    const working = Promise.withResolvers<void>();
    const leading = one.lead(
      'one',
      async ({ lost }) => {
        working.resolve();
        assert.equal(await lossOf(lost), abort.signal.reason);
      },
      { signal: abort.signal },
    );
    await working.promise;
    abort.abort();
    await assert.rejects(leading, { name: 'AbortError' });
    await (await other.campaign('other')).resign();
  }),

  conformanceCase('election/lead-campaigns-again-after-a-loss', async ({ open }) => {
    const [one, other] = [await open(), await open()];
    const terms: bigint[] = [];
    const result = await electionOf(one).lead('one', async (leadership) => {
      terms.push(leadership.term);
      if (terms.length === 3) return 'three terms';
      assert.equal(await other.delete(leadership.condition.key), true);
      const reason = await lossOf(leadership.lost);
      assert.equal((reason as { code: string }).code, 'KV_SESSION_LOST');
      // What is made of a lost term counts neither as a result nor as a failure.
      if (terms.length === 1) throw reason;
      return 'too late';
    });
    assert.equal(result, 'three terms');
    assert(terms.every((term, i) => i === 0 || term > (terms[i - 1] as bigint)));
  }),

  conformanceCase('election/ends-with-the-store', async ({ open }) => {
    const [one, other] = [await open(), await open()];
    const leads = await electionOf(one).campaign('one');
    const waiting = quiet(electionOf(other).campaign('other'));
    assert.equal(await stillPending(waiting, 50), true);
    const closing = one.close();
    const next = await waiting;
    assert.equal(leads.lost.aborted, true, 'two lead');
    await closing;
    await assert.rejects(electionOf(one).campaign('one'), { code: 'KV_CLOSED' });
    await next.resign();
  }),

  conformanceCase(
    'election/who-is-cut-off-knows-before-another-leads',
    async ({ open, connect, capabilities }) => {
      const ttl = shortTtl(capabilities.session);
      const [{ store: one, faults }, other] = [await connect(), await open()];
      const leads = await electionOf(one, ttl).campaign('one');
      const following = quiet(electionOf(other).campaign('other'));
      const start = performance.now();
      const heal = await faults.partition('silent');
      const next = await following;
      assert.equal(leads.lost.aborted, true, 'two lead');
      assert(next.term > leads.term);
      assert(performance.now() - start <= goneWithin(ttl, capabilities), 'it took too long');
      await heal();
      const again = quiet(electionOf(one).campaign('one'));
      assert.equal(await stillPending(again, 50), true);
      await next.resign();
      await (await again).resign();
    },
    { faults: ['partition'], timeout: 90_000 },
  ),

  conformanceCase(
    'election/goes-on-after-a-restart',
    async ({ open, observe, faults, capabilities }) => {
      const ttl = shortTtl(capabilities.session);
      const [one, other, observer] = [await open(), await open(), await open()];
      const seen = observe(electionOf(observer).observe());
      const first = await electionOf(one, ttl).campaign('one');
      const following = quiet(
        electionOf(other, ttl).lead('other', async ({ term, lost }) => {
          assert(term > first.term);
          // A term that the outage has cost its session may be over before anybody sees it.
          await Promise.race([quiet(seen.until((leader) => leader?.term === term, { within: 30_000 })), lossOf(lost)]);
        }),
      );
      assert.equal(await stillPending(following, 50), true);
      await faults.restart();
      await first.resign().catch(() => {});
      await following;
    },
    { faults: ['restart'], timeout: 120_000 },
  ),
];
