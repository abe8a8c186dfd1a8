import assert from 'node:assert/strict';
import { text } from '../../codec.ts';
import { conformanceCase } from '../case.ts';
import { goneWithin, keptTtl } from '../durations.ts';
import { keySteps } from '../watch-steps.ts';

export const watchKey = [
  conformanceCase('watch/starts-with-the-pair-that-exists', async ({ open, observe }) => {
    const [writer, watcher] = [await open(), await open()];
    const written = await writer.put('config/region', 'eu');
    assert.deepEqual(await observe(watcher.watch('config/region')).until(() => true), written);
  }),

  conformanceCase('watch/starts-with-undefined-where-the-key-is-absent', async ({ open, observe }) => {
    const store = await open();
    await store.put('absent/child', '');
    const [first] = await observe(store.watch('absent')).count(1);
    assert.equal(first, undefined);
  }),

  conformanceCase('watch/sees-creation-change-deletion-and-re-creation', async ({ open, observe }) => {
    const [writer, watcher] = [await open(), await open()];
    const watched = observe(keySteps(watcher.watch('key')));
    const states: unknown[] = [undefined];
    const reaches = async (state: unknown) => {
      states.push(state);
      await watched.count(states.length);
    };
    await watched.count(1);
    const created = await writer.put('key', 'one');
    await reaches(created);
    await reaches(await writer.put('key', 'two'));
    await writer.delete('key');
    await reaches(undefined);
    const recreated = await writer.put('key', '');
    await reaches(recreated);
    assert(recreated.createRevision > created.createRevision);
    assert.deepEqual(watched.steps, states);
  }),

  conformanceCase('watch/sees-a-quick-re-creation-by-createRevision', async ({ open, observe }) => {
    const [writer, watcher] = [await open(), await open()];
    const first = await writer.put('key', 'same');
    const watched = observe(keySteps(watcher.watch('key')));
    await watched.count(1);
    await writer.delete('key');
    const again = await writer.put('key', 'same');
    const seen = await watched.until((pair) => pair !== undefined && pair.revision !== first.revision);
    assert.deepEqual(seen, again);
    assert(again.createRevision > first.createRevision);
  }),

  conformanceCase('watch/sees-deletion-and-re-creation-by-compare-and-set', async ({ open, observe }) => {
    const [writer, watcher] = [await open(), await open()];
    const watched = observe(keySteps(watcher.watch('key')));
    await watched.count(1);
    const created = await writer.atomicPut('key', '1', null);
    await watched.count(2);
    const changed = await writer.atomicPut('key', '2', created);
    await watched.count(3);
    await writer.atomicDelete('key', changed);
    await watched.count(4);
    assert.deepEqual(watched.steps, [undefined, created, changed, undefined]);
  }),

  conformanceCase(
    'watch/sees-expiry-as-a-deletion',
    async ({ open, observe, capabilities }) => {
      const [writer, watcher] = [await open(), await open()];
      assert(capabilities.ttl);
      const { ttl = 0 } = await writer.put('key', '', { ttl: keptTtl(capabilities.ttl) });
      const watched = observe(keySteps(watcher.watch('key')));
      assert.equal((await watched.until(() => true))?.key, 'key');
      const within = Math.max(ttl * capabilities.ttl.latestFactor, goneWithin(ttl, capabilities));
      await watched.until((pair) => pair === undefined, { within });
      assert.equal(await writer.get('key'), undefined);
    },
    { needs: ['ttl'], timeout: 60_000 },
  ),

  conformanceCase('watch/ignores-children-and-siblings', async ({ open, observe }) => {
    const store = await open();
    const watched = observe(store.watch('a'));
    await watched.count(1);
    for (const other of ['a/b', 'ab', 'a.b', 'A', 'b/a', 'a/a']) await store.put(other, 'other');
    await store.delete('a/b');
    const written = await store.put('a', 'the one');
    await watched.count(2);
    assert.deepEqual(watched.steps, [undefined, written]);
  }),

  conformanceCase(
    'watch/shows-every-change-to-a-consumer-that-keeps-up',
    async ({ open, observe }) => {
      const [writer, watcher] = [(await open()).withCodec(text()), (await open()).withCodec(text())];
      const watched = observe(keySteps(watcher.watch('key')));
      await watched.count(1);
      for (let i = 0; i < 50; i++) await (i % 10 === 9 ? writer.delete('key') : writer.put('key', `${i}`));
      await watched.count(51);
      const expected = Array.from({ length: 50 }, (_, i) => (i % 10 === 9 ? undefined : `${i}`));
      assert.deepEqual(
        watched.steps.map((pair) => pair?.value),
        [undefined, ...expected],
      );
    },
    { needs: ['every-change'] },
  ),

  conformanceCase('watch/takes-a-key-in-any-form-and-gives-the-canonical-one', async ({ open, observe }) => {
    const store = await open();
    const written = await store.put('deep/ünï/☃/😀', '1');
    assert.deepEqual(await observe(store.watch('/deep/ünï/☃/😀/')).until(() => true), written);
    assert.equal(written.key, 'deep/ünï/☃/😀');
  }),

  conformanceCase('watch/refuses-an-invalid-key-at-once', async ({ open }) => {
    const store = await open();
    assert.throws(() => store.watch(''), { code: 'KV_INVALID_KEY', operation: 'watch' });
    assert.throws(() => store.watch('a//b'), { code: 'KV_INVALID_KEY' });
    assert.throws(() => store.watchTree('a/../b'), { code: 'KV_INVALID_KEY', operation: 'watchTree' });
  }),

  conformanceCase('watch/gives-keys-relative-to-the-namespace', async ({ open, observe }) => {
    const store = await open();
    const inner = store.namespace('inner');
    const [whole, part] = [observe(store.watch('inner/key')), observe(inner.watch('key'))];
    await Promise.all([whole.count(1), part.count(1)]);
    await store.put('key', 'not that one');
    const written = await store.put('inner/key', 'that one');
    assert.deepEqual((await whole.count(2))[1], written);
    assert.deepEqual((await part.count(2))[1], { ...written, key: 'key' });
  }),

  conformanceCase('watch/gives-each-watcher-bytes-of-its-own', async ({ open, observe }) => {
    const store = await open();
    await store.put('key', 'value');
    const [one, other] = [observe(store.watch('key')), observe(store.watch('key'))];
    const pair = await one.until(() => true);
    pair?.value.fill(0);
    assert.deepEqual((await other.until(() => true))?.value, new TextEncoder().encode('value'));
    assert.deepEqual((await observe(store.watch('key')).until(() => true))?.value, new TextEncoder().encode('value'));
  }),
];
