import assert from 'node:assert/strict';
import { openStore } from '../../open-store.ts';
import type { Session } from '../../session.ts';
import type { Store } from '../../store.ts';
import { conformanceCase } from '../case.ts';
import { expectError } from '../expect-error.ts';
import { checkKeptAlive } from '../kept-alive.ts';
import { recorded } from '../recorded-driver.ts';

const reads = new Set(['get', 'getMany', 'exists', 'list', 'scan', 'watch', 'watchTree', 'lockHolder']);

/** Every method that needs the server. */
function callsOf(store: Store): Record<string, () => unknown> {
  const previous = { key: 'key', revision: '1' as never };
  return {
    put: () => store.put('key', 'value'),
    get: () => store.get('key'),
    getMany: () => store.getMany(['key']),
    exists: () => store.exists('key'),
    delete: () => store.delete('key'),
    list: () => store.list(''),
    scan: () => store.scan('').next(),
    deleteTree: () => store.deleteTree('dir'),
    atomicPut: () => store.atomicPut('key', 'value', null),
    atomicDelete: () => store.atomicDelete('key', previous),
    update: () => store.update('key', () => 'value'),
    watch: () => store.watch('key')[Symbol.asyncIterator]().next(),
    watchTree: () => store.watchTree('')[Symbol.asyncIterator]().next(),
    session: () => store.session(),
    lock: () => store.lock('lock'),
    tryLock: () => store.tryLock('lock'),
    lockHolder: () => store.lockHolder('lock'),
    ...(store.capabilities.transaction && {
      transaction: () => store.transaction({ then: [{ type: 'delete', key: 'key' }] }),
    }),
  };
}

async function expectClosed(store: Store, driver: string): Promise<void> {
  for (const [name, call] of Object.entries(callsOf(store))) {
    const error = await expectError((async () => call())(), 'KV_CLOSED', { driver, retryable: false });
    if (name !== 'update') assert.equal(error.operation, name);
    if (!reads.has(name) && name !== 'update') assert.equal(error.outcome, 'not-applied', name);
  }
}

export const close = [
  conformanceCase('close/makes-every-later-call-fail-before-any-io', async ({ driver, namespace }) => {
    const { driver: observed, calls } = recorded(await driver());
    const store = await openStore(observed);
    const view = store.namespace(namespace);
    const closing = store.close();
    await expectClosed(view, observed.name);
    await closing;
    for (const closed of [store, view, view.namespace('inner')]) await expectClosed(closed, observed.name);
    assert.deepEqual(calls, ['close']);
    assert.equal(store.status, 'closed');
    assert.equal(view.status, 'closed');
  }),

  conformanceCase('close/is-idempotent', async ({ driver }) => {
    const { driver: observed, calls } = recorded(await driver());
    const store = await openStore(observed);
    await Promise.all([store.close(), store.close(), store.namespace('a').close()]);
    await store.close();
    await store[Symbol.asyncDispose]();
    assert.deepEqual(calls, ['close'], 'the driver was not closed exactly once');
  }),

  conformanceCase('close/lets-calls-under-way-finish', async ({ open }) => {
    const [store, other] = [await open(), await open()];
    const writes = Array.from({ length: 10 }, (_, i) => store.put(`key/${i}`, String(i)));
    const closing = store.close();
    assert.equal((await Promise.all(writes)).length, 10);
    await closing;
    assert.equal((await other.list('key')).length, 10);
  }),

  conformanceCase('close/lets-writes-finish-whose-session-it-ends', async ({ open }) => {
    const [store, other] = [await open(), await open()];
    for (const end of [(session: Session) => session.close(), () => store.close()]) {
      const session = await store.session();
      const writes = Array.from({ length: 10 }, (_, i) => store.put(`key/${i}`, String(i), { session }));
      const ended = end(session);
      assert.equal((await Promise.all(writes)).length, 10);
      await ended;
    }
    assert.deepEqual(await other.list(''), []);
  }),

  conformanceCase('close/of-one-client-leaves-others-and-the-data', async ({ open }) => {
    const [store, other] = [await open(), await open()];
    const pair = await store.put('key', 'value');
    await store.close();
    assert.deepEqual(await other.get('key'), pair);
    await other.put('key', 'next');
    assert.equal(other.status, 'connected');
  }),

  conformanceCase(
    'close/returns-while-the-server-is-silent',
    async ({ connect }) => {
      const { store, faults } = await connect({ timeout: 2_000 });
      await store.put('key', 'value');
      await faults.partition('silent');
      const pending = expectError(store.get('key'), ['KV_TIMEOUT', 'KV_UNAVAILABLE']);
      const start = performance.now();
      await store.close();
      const took = performance.now() - start;
      assert(took < 10_000, `close took ${took} ms`);
      await pending;
    },
    { faults: ['partition'] },
  ),

  conformanceCase('close/frees-what-keeps-the-process-alive', async ({ driver, namespace, eventually }) => {
    const factory = await driver();
    const work = async () => {
      const store = await openStore(factory);
      const view = store.namespace(namespace);
      await view.put('key', 'value');
      await view.watch('key')[Symbol.asyncIterator]().next();
      await view.watchTree('')[Symbol.asyncIterator]().next();
      await view.scan('').next();
      await view.session();
      await view.lock('lock');
      await store.close();
    };
    await checkKeptAlive(work, (keptAlive) => eventually(() => assert.deepEqual(keptAlive(), []), 5_000));
  }),
];
