import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import type { Store } from '@kv/core';
import { type CaseContext, conformanceCase } from '@kv/core/conformance';
import { Discovery, type Picker } from '@kv/recipes/discovery';
import { changeViews } from './changed-views.ts';

const place = (id: string) => ({ id, address: '10.0.0.7', port: 8_080, metadata: null });

async function registered({ open }: Pick<CaseContext, 'open'>, ids: readonly string[]) {
  const registry = new Discovery(await open());
  return Promise.all(ids.map((id) => registry.register('api', place(id))));
}

/** Picks until it does not know what is there. @returns When an instance was picked for the last time. */
async function lastPick({ eventually }: CaseContext, picker: Picker<unknown>, within: number): Promise<number> {
  let last = 0;
  await eventually(() => {
    const at = performance.now();
    try {
      if (picker.pick() !== undefined) last = at;
    } catch (error) {
      return assert.equal((error as { code: string }).code, 'KV_UNAVAILABLE');
    }
    assert.fail('it still picks');
  }, within);
  return last;
}

/** What is asked on this store by watches is answered late, or not at all. */
class LateAnswers {
  readonly #late: number;
  readonly #signal: AbortSignal;
  /** When the last question was asked that has been answered. */
  askedAt = 0;
  isSilent = false;

  constructor(store: Store, late: number, signal: AbortSignal) {
    this.#late = late;
    this.#signal = signal;
    changeViews(store, (view) => {
      const watchTree = view.watchTree.bind(view);
      view.watchTree = (directory, options) => ({
        [Symbol.asyncIterator]: () => this.#lateSteps(watchTree(directory, options)[Symbol.asyncIterator]()),
      });
    });
  }

  #lateSteps<Step>(steps: AsyncIterator<Step>): AsyncIterator<Step> {
    let askedAt: number | undefined = performance.now();
    return {
      next: async () => {
        const step = await steps.next();
        await delay(this.isSilent ? 60_000 : this.#late, undefined, { signal: this.#signal });
        if (askedAt !== undefined) this.askedAt = askedAt;
        askedAt = undefined;
        return step;
      },
      return: async () => (await steps.return?.()) ?? { done: true, value: undefined },
    };
  }
}

export const picker = [
  conformanceCase('picker/takes-turns', async (context) => {
    const registrations = await registered(context, ['a', 'b', 'c']);
    const picker = await new Discovery(await context.open()).picker('api');
    const picks = (count: number) => Array.from({ length: count }, () => picker.pick()?.id).join('');
    assert.equal(picks(7), 'abcabca');
    await registrations[1]?.deregister();
    await context.eventually(() => assert(!picks(3).includes('b')));
    assert.match(picks(4), /^(acac|caca)$/);
    await Promise.all(registrations.map((it) => it.deregister()));
    await context.eventually(() => assert.equal(picker.pick(), undefined));
    picker.close();
    assert.throws(() => picker.pick(), { code: 'KV_CLOSED' });
  }),

  conformanceCase('picker/sticks-to-an-instance-while-it-is-there', async (context) => {
    const ids = ['a', 'b', 'c', 'd'];
    const registrations = await registered(context, ids);
    const picker = await new Discovery(await context.open()).picker('api', { strategy: 'sticky' });
    const users = Array.from({ length: 200 }, (_, i) => `user-${i}`);
    const picks = () => new Map(users.map((user) => [user, picker.pick(user)?.id]));
    const before = picks();
    assert.deepEqual(picks(), before);
    for (const id of ids) {
      const share = [...before.values()].filter((it) => it === id).length;
      assert(share > 20 && share < 90, `${share} of 200 for one of four`);
    }
    await registrations[2]?.deregister();
    await context.eventually(() => assert(![...picks().values()].includes('c')));
    for (const [user, id] of picks()) if (before.get(user) !== 'c') assert.equal(id, before.get(user));
    await Promise.all(registrations.map((it) => it.deregister()));
    picker.close();
  }),

  conformanceCase('picker/at-random-picks-each', async (context) => {
    const registrations = await registered(context, ['a', 'b', 'c']);
    const picker = await new Discovery(await context.open()).picker('api', { strategy: 'random' });
    const picked = new Set(Array.from({ length: 200 }, () => picker.pick()?.id));
    assert.deepEqual([...picked].sort(), ['a', 'b', 'c']);
    await Promise.all(registrations.map((it) => it.deregister()));
    picker.close();
  }),

  conformanceCase('picker/stays-current-while-nothing-changes', async (context) => {
    const registrations = await registered(context, ['a']);
    const bound = 3_000;
    const picker = await new Discovery(await context.open()).picker('api', { bound });
    const end = performance.now() + 1.5 * bound;
    await context.eventually(() => {
      assert.equal(picker.pick()?.id, 'a');
      assert(performance.now() > end, 'not long enough yet');
    });
    await registrations[0]?.deregister();
    picker.close();
  }),

  conformanceCase('picker/counts-its-bound-from-when-it-asked', async (context) => {
    const bound = 2_000;
    const [registration] = await registered(context, ['a']);
    const store = await context.open();
    const answers = new LateAnswers(store, bound / 4, context.signal);
    const picker = await new Discovery(store).picker('api', { bound });
    const firstAskedAt = answers.askedAt;
    await context.eventually(() => assert(answers.askedAt > firstAskedAt));
    answers.isSilent = true;
    const last = await lastPick(context, picker, 3 * bound);
    assert(last <= answers.askedAt + bound, 'it picked what may have left before its bound');
    await registration?.deregister();
    picker.close();
  }),

  conformanceCase('picker/ends-with-the-store', async (context) => {
    const store = await context.open();
    const picker = await new Discovery(store).picker('api');
    assert.equal(picker.pick(), undefined);
    await store.close();
    await context.eventually(() => assert.throws(() => picker.pick(), { code: 'KV_CLOSED' }));
    const reason = new Error('changed my mind');
    const service = new Discovery(await context.open());
    await assert.rejects(service.picker('api', { signal: AbortSignal.abort(reason) }), reason);
    for (const bound of [0, Number.NaN]) {
      await assert.rejects(service.picker('api', { bound }), { code: 'KV_INVALID_ARGUMENT' });
    }
  }),

  conformanceCase(
    'picker/never-picks-what-left-longer-ago-than-its-bound',
    async (context) => {
      const bound = 2_000;
      const [left] = await registered(context, ['a']);
      const { store, faults } = await context.connect();
      const picker = await new Discovery(store).picker('api', { bound });
      assert.equal(picker.pick()?.id, 'a');
      const heal = await faults.partition('silent');
      await left?.deregister();
      const leftAt = performance.now();
      assert((await lastPick(context, picker, 3 * bound)) <= leftAt + bound, 'it picked what is gone');
      await heal();
      await context.eventually(() => assert.equal(picker.pick(), undefined), 30_000);
      picker.close();
    },
    { faults: ['partition'], timeout: 60_000 },
  ),
];
