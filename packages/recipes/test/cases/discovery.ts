import assert from 'node:assert/strict';
import { conformanceCase, quiet, stillPending } from '@kv/core/conformance';
import { Discovery, type Instance, type Registration } from '@kv/recipes/discovery';

interface Metadata {
  readonly version: number;
}

const instance = (id: string, version = 1): Instance<Metadata> => ({
  id,
  address: '10.0.0.7',
  port: 8_080,
  metadata: { version },
});

export const discovery = [
  conformanceCase('discovery/tells-who-is-there-and-what-changes', async ({ open, observe }) => {
    const [one, other] = [new Discovery<Metadata>(await open()), new Discovery<Metadata>(await open())];
    const seen = observe(
      (async function* () {
        for await (const { instances, added, removed, changed } of other.watch('api')) {
          yield { ids: [...instances.keys()].sort(), added, removed, changed };
        }
      })(),
    );
    await seen.count(1);
    assert.deepEqual(seen.steps[0], { ids: [], added: [], removed: [], changed: [] });
    const a = await one.register('api', instance('a'));
    await seen.until(({ added }) => added.some(({ id }) => id === 'a'));
    await one.register('web', instance('not-here'));
    const b = await other.register('api', instance('b'));
    await seen.until(({ ids }) => ids.join() === 'a,b');
    assert.deepEqual(await one.list('api'), [instance('a'), instance('b')]);
    await a.update({ metadata: { version: 2 }, port: 81 });
    const updated = { ...instance('a', 2), port: 81 };
    assert.deepEqual(a.instance, updated);
    await seen.until(({ changed }) => changed.length > 0);
    assert.deepEqual(seen.steps.at(-1)?.changed, [{ instance: updated, previous: instance('a') }]);
    await a.deregister();
    await seen.until(({ removed }) => removed.length > 0);
    assert.deepEqual(seen.steps.at(-1)?.removed, [updated]);
    assert.deepEqual(await one.list('api'), [instance('b')]);
    await b.deregister();
    await seen.until(({ ids }) => ids.length === 0);
    assert.deepEqual(await one.list('nobody'), []);
  }),

  conformanceCase('discovery/an-instance-that-is-put-back-is-no-news', async ({ open, observe, eventually }) => {
    const [owner, other] = [await open(), await open()];
    const registration = await new Discovery<Metadata>(owner).register('api', instance('a'));
    const watching = new Discovery<Metadata>(other).watch('api');
    const seen = observe(watching);
    await seen.count(1);
    await other.delete('services/api/a');
    await eventually(async () => assert.equal((await new Discovery(other).list('api')).length, 1));
    await registration.update({});
    await other.put('services/api/b', 'the end');
    await seen.until(({ unreadable }) => unreadable.length === 1);
    assert(seen.steps.every(({ changed }) => changed.length === 0));
    await registration.deregister();
  }),

  conformanceCase('discovery/what-is-no-instance-hides-no-other', async ({ open, observe }) => {
    const [owner, other] = [await open(), await open()];
    const discovered = new Discovery<Metadata>(other);
    await owner.put('services/api/broken', '{');
    await owner.put('services/api/wrong', JSON.stringify({ address: '', port: 1 }));
    await owner.put('services/api/deep/er', '1');
    const registration = await new Discovery<Metadata>(owner).register('api', instance('a'));
    assert.deepEqual(await discovered.list('api'), [instance('a')]);
    const seen = observe(discovered.watch('api'));
    await seen.count(1);
    assert.deepEqual([...(seen.steps[0]?.unreadable ?? [])].sort(), ['broken', 'wrong']);
    assert.deepEqual([...(seen.steps[0]?.instances.keys() ?? [])], ['a']);
    await owner.put('services/api/broken', JSON.stringify(instance('ignored')));
    await seen.until(({ added }) => added.some(({ id }) => id === 'broken'));
    await registration.deregister();
  }),

  conformanceCase('discovery/refuses-what-would-be-unreadable', async ({ open }) => {
    const service = new Discovery<Metadata>(await open());
    for (const bad of [{ port: 70_000 }, { port: 1.5 }, { address: '' }]) {
      await assert.rejects(service.register('api', { ...instance('a'), ...bad }), { code: 'KV_INVALID_ARGUMENT' });
    }
    await assert.rejects(service.register('api', instance('a/b')), { code: 'KV_INVALID_ARGUMENT' });
    await assert.rejects(service.register('a/b', instance('a')), { code: 'KV_INVALID_ARGUMENT' });
    const registration = await service.register('api', instance('a'));
    await assert.rejects(registration.update({ port: -1 }), { code: 'KV_INVALID_ARGUMENT' });
    assert.deepEqual(registration.instance, instance('a'));
    await registration.deregister();
    assert.deepEqual(await service.list('api'), []);
    const options = { health: () => true, healthInterval: 0 };
    await assert.rejects(service.register('api', instance('a'), options), { code: 'KV_INVALID_ARGUMENT' });
  }),

  conformanceCase('discovery/refuses-also-what-would-be-listed-later', async ({ open, eventually }) => {
    const store = await open();
    const service = new Discovery<unknown>(store);
    let healthy = true;
    const options = { health: () => healthy, healthInterval: 60 };
    const registration = await service.register('api', instance('a'), options);
    const listed = (count: number) => eventually(async () => assert.equal((await service.list('api')).length, count));
    healthy = false;
    await listed(0);
    await assert.rejects(registration.update({ port: -1 }), { code: 'KV_INVALID_ARGUMENT' });
    const tooLarge = { metadata: 'x'.repeat(store.capabilities.maxValueBytes) };
    await assert.rejects(registration.update(tooLarge), { code: 'KV_VALUE_TOO_LARGE' });
    healthy = true;
    await listed(1);
    assert.deepEqual(await service.list('api'), [instance('a')]);
    await registration.deregister();
  }),

  conformanceCase('discovery/lists-only-who-is-healthy', async ({ open, eventually }) => {
    const [one, other] = [new Discovery<Metadata>(await open()), new Discovery<Metadata>(await open())];
    let health: () => boolean | Promise<boolean> = () => false;
    const options = { health: () => health(), healthInterval: 60 };
    const registering = quiet(one.register('api', instance('a'), options));
    assert.equal(await stillPending(registering, 150), true);
    assert.deepEqual(await other.list('api'), []);
    health = () => true;
    const registration = await registering;
    const listed = (count: number) => eventually(async () => assert.equal((await other.list('api')).length, count));
    await listed(1);
    const sick: (typeof health)[] = [
      () => false,
      () => {
        throw new Error('no database');
      },
      () => new Promise<never>(() => {}),
    ];
    for (const answer of sick) {
      health = answer;
      await listed(0);
      await registration.update({ port: 81 });
      assert.deepEqual(await other.list('api'), []);
      health = () => true;
      await listed(1);
    }
    assert.deepEqual(await other.list('api'), [{ ...instance('a'), port: 81 }]);
    await registration.deregister();
    await listed(0);
  }),

  conformanceCase(
    'discovery/a-watch-under-churn-ends-with-the-true-set',
    async ({ open, observe, random, eventually }) => {
      const stores = [await open(), await open(), await open()];
      const registries = stores.map((store) => new Discovery<Metadata>(store));
      const watcher = new Discovery<Metadata>(await open());
      const seen = observe(watcher.watch('api'));
      await seen.count(1);
      const truth = new Map<string, Instance<Metadata>>();
      const churn = async (i: number) => {
        const registry = registries[i % registries.length] as Discovery<Metadata>;
        let registration: Registration<Metadata> | undefined;
        for (let round = 0; round < 3; round++) {
          registration ??= await registry.register('api', instance(`i-${i}`, round));
          if (random() < 0.5) await registration.update({ metadata: { version: 100 * i + round } });
          if (random() < 0.4) {
            await registration.deregister();
            registration = undefined;
          }
        }
        if (registration !== undefined) truth.set(`i-${i}`, registration.instance);
        return registration;
      };
      const left = await Promise.all(Array.from({ length: 100 }, (_, i) => churn(i)));
      const sorted = (instances: Iterable<Instance<Metadata>>) => [...instances].sort((a, b) => (a.id < b.id ? -1 : 1));
      await eventually(() => {
        const { instances } = seen.steps.at(-1) ?? assert.fail('no step');
        assert.deepEqual(sorted(instances.values()), sorted(truth.values()));
      }, 20_000);
      assert.deepEqual(sorted(await watcher.list('api')), sorted(truth.values()));
      // Each step follows from the one before.
      const replayed = new Map<string, Instance<Metadata>>();
      for (const { added, removed, changed } of seen.steps) {
        for (const it of added) assert(!replayed.has(it.id) && replayed.set(it.id, it));
        for (const { instance: now, previous } of changed) {
          assert.deepEqual(replayed.get(now.id), previous);
          replayed.set(now.id, now);
        }
        for (const it of removed) assert(replayed.delete(it.id));
      }
      assert.deepEqual(sorted(replayed.values()), sorted(truth.values()));
      await Promise.all(left.map((registration) => registration?.deregister()));
    },
    { timeout: 60_000 },
  ),
];
