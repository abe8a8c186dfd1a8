import assert from 'node:assert/strict';
import { json, text } from '../../codec.ts';
import { conformanceCase } from '../case.ts';
import { keySteps, treeSteps } from '../watch-steps.ts';

export const watchConsumer = [
  conformanceCase('watch/merges-what-a-slow-consumer-has-not-taken', async ({ open, observe }) => {
    const [writer, watcher] = [(await open()).withCodec(text()), (await open()).withCodec(text())];
    const slow = watcher.watchTree('dir')[Symbol.asyncIterator]();
    const slowKey = watcher.watch('dir/3')[Symbol.asyncIterator]();
    const prompt = observe(watcher.watchTree('dir'));
    const promptKey = observe(watcher.watch('dir/3'));
    await Promise.all([slow.next(), slowKey.next(), prompt.count(1), promptKey.count(1)]);
    await writer.put('dir/gone', 'created and deleted in between');
    const write = async (key: number) => {
      for (let i = 0; i < 150; i++) await writer.put(`dir/${key}`, `${i}`);
    };
    await Promise.all([0, 1, 2, 3, 4].map(write));
    await writer.delete('dir/gone');
    await writer.put('dir/end', '');
    await prompt.until(({ pairs }) => pairs.has('dir/end') && !pairs.has('dir/gone'));
    await promptKey.until((pair) => pair?.value === '149');
    const { value: state } = await slow.next();
    assert.deepEqual(
      state?.pairs,
      new Map((await writer.list('dir')).map((pair) => [pair.key, pair])),
      'the next step of a slow consumer is not the latest state',
    );
    assert(state !== undefined && state.changes.length < 200, 'the changes were kept instead of merged');
    let steps = 0;
    while ((await slowKey.next()).value?.value !== '149') steps++;
    assert(steps < 200, 'the states were kept instead of merged');
    await Promise.all([slow.return?.(), slowKey.return?.()]);
  }),

  conformanceCase('watch/a-slow-consumer-sees-changes-that-undo-each-other-as-none', async ({ open, observe }) => {
    const [writer, watcher] = [await open(), await open()];
    const slow = watcher.watch('key')[Symbol.asyncIterator]();
    const prompt = observe(watcher.watch('key'));
    await Promise.all([slow.next(), prompt.count(1)]);
    for (let i = 0; i < 70; i++) {
      await writer.put('key', `${i}`);
      await writer.delete('key');
    }
    const last = await writer.put('key', 'last');
    await prompt.until((pair) => pair?.revision === last.revision);
    let before: string | undefined = 'nothing';
    for (;;) {
      const { value } = await slow.next();
      assert.notEqual(value?.revision, before, 'the same state came twice');
      before = value?.revision;
      if (before === last.revision) break;
    }
    await slow.return?.();
  }),

  conformanceCase('watch/several-steps-may-be-asked-for-at-once', async ({ open }) => {
    const store = (await open()).withCodec(text());
    const iterator = store.watch('key')[Symbol.asyncIterator]();
    const steps = [iterator.next(), iterator.next(), iterator.next()];
    await steps[0];
    await store.put('key', '1');
    await steps[1];
    await store.put('key', '2');
    const values = (await Promise.all(steps)).map(({ value }) => value?.value);
    assert.deepEqual(values, [undefined, '1', '2']);
    await iterator.return?.();
  }),

  conformanceCase('watch/goes-on-after-a-value-that-cannot-be-decoded', async ({ open, observe }) => {
    const writer = await open();
    const watcher = (await open()).withCodec(json<{ number: number }>());
    await writer.put('dir/key', 'bad from the start');
    const watched = observe(keySteps(watcher.watch('dir/key')));
    const tree = observe(treeSteps(watcher.watchTree('dir')));
    await Promise.all([watched.count(1), tree.count(1)]);
    await writer.put('dir/key', '{"number":1}');
    await Promise.all([watched.count(2), tree.count(2)]);
    const bad = await writer.put('dir/key', '{"number":');
    await Promise.all([watched.count(3), tree.count(3)]);
    await writer.put('dir/key', '{"number":2}');
    await Promise.all([watched.count(4), tree.count(4)]);
    assert.deepEqual([watched.steps[1]?.value, watched.steps[3]?.value], [{ number: 1 }, { number: 2 }]);
    const refusal = { code: 'KV_DECODE_FAILED', key: 'dir/key', revision: bad.revision };
    assert.equal(watched.steps[2]?.revision, bad.revision);
    assert.throws(() => watched.steps[2]?.value, { ...refusal, operation: 'watch' });
    const change = tree.steps[2]?.changes[0];
    assert(change?.type === 'put');
    assert.throws(() => change.pair.value, { ...refusal, operation: 'watchTree' });
    assert.deepEqual(change.previous?.value, { number: 1 });
    assert.deepEqual(tree.last?.pairs.get('dir/key')?.value, { number: 2 });
  }),
];
