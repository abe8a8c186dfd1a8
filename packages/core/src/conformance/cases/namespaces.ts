import assert from 'node:assert/strict';
import { text } from '../../codec.ts';
import { textOf } from '../bytes.ts';
import { conformanceCase } from '../case.ts';
import { expectError } from '../expect-error.ts';
import { transact } from '../transact.ts';

export const namespaces = [
  conformanceCase('namespaces/give-keys-relative-to-themselves', async ({ open, capabilities, observe }) => {
    const root = await open();
    const store = root.namespace('team/service');
    const written = await store.put('config/region', 'eu');
    assert.equal(written.key, 'config/region');
    assert.deepEqual(await root.get('team/service/config/region'), { ...written, key: 'team/service/config/region' });
    assert.deepEqual(await store.get('config/region'), written);
    assert.deepEqual(await store.getMany(['config/region', 'x']), [written, undefined]);
    assert.deepEqual(await store.list(''), [written]);
    assert.deepEqual(await store.list('config', { keysOnly: true }), ['config/region']);
    assert.deepEqual(await store.list('', { after: 'config/region' }), []);
    assert.deepEqual(await Array.fromAsync(store.scan('config')), [written]);
    assert.deepEqual(await observe(store.watch('config/region')).until(() => true), written);
    const { pairs } = await observe(store.watchTree('config')).until(() => true);
    assert.deepEqual([...pairs], [['config/region', written]]);
    const next = await store.atomicPut('config/region', 'us', written);
    assert.equal(next.key, 'config/region');
    assert.equal((await store.update('config/region', () => 'ap')).key, 'config/region');
    if (capabilities.transaction) {
      const result = await transact(store, [{ type: 'put', key: '/a/', value: '' }], [{ key: 'b', exists: false }]);
      assert.equal(result.committed && result.pairs[0]?.key, 'a');
      assert.equal(await root.exists('team/service/a'), true);
    }
    await expectError(store.atomicPut('config/region', '', null), 'KV_KEY_EXISTS', { key: 'config/region' });
  }),

  conformanceCase('namespaces/do-not-see-each-other', async ({ open }) => {
    const root = await open();
    const [one, similar, two] = [root.namespace('one'), root.namespace('one-more'), root.namespace('two')];
    for (const store of [one, similar, two]) await store.put('key', 'value');
    await root.put('key', 'value of the root');
    await root.put('one', 'value of the directory');
    assert.deepEqual(await one.list('', { keysOnly: true }), ['key']);
    assert.equal(await one.exists('one'), false);
    await one.put('key', 'changed');
    await one.deleteTree('');
    assert.equal(await one.exists('key'), false);
    assert.deepEqual(await root.list('', { keysOnly: true }), ['key', 'one', 'one-more/key', 'two/key']);
    assert.equal(textOf(await two.get('key')), 'value');
  }),

  conformanceCase('namespaces/nest', async ({ open }) => {
    const root = await open();
    const nested = root.namespace('/a/').namespace('b/c');
    const pair = await nested.put('key', 'value');
    assert.deepEqual(await root.namespace('a/b/c').get('key'), pair);
    assert.deepEqual(await root.namespace('a').list('b', { keysOnly: true }), ['b/c/key']);
    assert.deepEqual(await root.list('', { keysOnly: true }), ['a/b/c/key']);
    const deep = 'd'.repeat(200);
    const tooDeep = () => root.namespace(deep).namespace(deep).namespace(deep);
    await expectError((async () => tooDeep())(), 'KV_INVALID_KEY', { operation: 'namespace' });
  }),

  conformanceCase('namespaces/and-codecs-are-views-of-one-connection', async ({ open }) => {
    const root = await open();
    const texts = root.namespace('texts').withCodec(text());
    assert.equal((await texts.put('key', 'value')).value, 'value');
    assert.equal(textOf(await root.get('texts/key')), 'value');
    assert.equal((await texts.namespace('inner').put('key', 'value')).value, 'value', 'the codec got lost');
    const session = await texts.session();
    await root.put('bound', '', { session });
    await session.close();
    assert.equal(await root.exists('bound'), false);
    await texts.close();
    await expectError(root.get('texts/key'), 'KV_CLOSED');
  }),
];
