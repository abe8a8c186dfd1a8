import assert from 'node:assert/strict';
import { text } from '../../codec.ts';
import type { KvErrorCode } from '../../error.ts';
import { openStore } from '../../open-store.ts';
import type { Revision } from '../../pair.ts';
import type { Store } from '../../store.ts';
import type { Operation } from '../../transaction.ts';
import { type CaseContext, conformanceCase } from '../case.ts';
import { expectError } from '../expect-error.ts';
import { recorded } from '../recorded-driver.ts';
import { transact } from '../transact.ts';

type Attempt = (store: Store) => unknown;

/** No duration: not a number, or out of every range. */
const notDurations = [0, -1, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 31, '10' as never, {} as never];
const notValues = [undefined, null, 7, true, ['a'], {}, new ArrayBuffer(1), new Uint16Array(1)] as never[];
const pairOf = (key: string, revision: unknown) => ({ key, revision: revision as Revision });

/** Runs each attempt on a store whose driver must not notice. */
async function refused(
  { driver, namespace }: CaseContext,
  attempts: Record<string, Attempt>,
  code: KvErrorCode = 'KV_INVALID_ARGUMENT',
): Promise<void> {
  const { driver: observed, calls } = recorded(await driver());
  const store = await openStore(observed);
  try {
    for (const [name, attempt] of Object.entries(attempts)) {
      const error = await expectError((async () => attempt(store.namespace(namespace)))(), code, {
        driver: observed.name,
        retryable: false,
      }).catch((failure) => assert.fail(`${name}: ${failure.message}`));
      assert.notEqual(error.operation, undefined, `${name}: the error does not name the call`);
      assert.deepEqual(calls, [], `${name}: the driver was called`);
    }
  } finally {
    await store.close();
  }
}

function each<T>(
  name: string,
  values: readonly T[],
  attempt: (store: Store, value: T) => unknown,
): Record<string, Attempt> {
  return Object.fromEntries(
    values.map((value) => [`${name} ${String(value)} (${typeof value})`, (store: Store) => attempt(store, value)]),
  );
}

const first = (iterable: AsyncIterable<unknown>) => iterable[Symbol.asyncIterator]().next();

export const refusals = [
  conformanceCase('refusals/timeouts-out-of-range', (context) =>
    refused(context, {
      ...each('put', notDurations, (store, timeout) => store.put('a', '', { timeout })),
      ...each('get', notDurations, (store, timeout) => store.get('a', { timeout })),
      ...each('getMany', notDurations, (store, timeout) => store.getMany(['a'], { timeout })),
      ...each('exists', notDurations, (store, timeout) => store.exists('a', { timeout })),
      ...each('delete', notDurations, (store, timeout) => store.delete('a', { timeout })),
      ...each('list', notDurations, (store, timeout) => store.list('a', { timeout })),
      ...each('scan', notDurations, (store, timeout) => first(store.scan('a', { timeout }))),
      ...each('deleteTree', notDurations, (store, timeout) => store.deleteTree('a', { timeout })),
      ...each('atomicPut', notDurations, (store, timeout) => store.atomicPut('a', '', null, { timeout })),
      ...each('atomicDelete', notDurations, (store, timeout) => store.atomicDelete('a', pairOf('a', '1'), { timeout })),
      ...each('update', notDurations, (store, timeout) => store.update('a', () => '', { timeout })),
      ...each('session', notDurations, (store, timeout) => store.session({ timeout })),
      ...each('lock', notDurations, (store, timeout) => store.lock('a', { timeout })),
      ...each('lockHolder', notDurations, (store, timeout) => store.lockHolder('a', { timeout })),
    }),
  ),

  conformanceCase('refusals/lifetimes-that-make-no-sense', (context) => {
    const ttls = context.capabilities.ttl ? notDurations.filter((ttl) => ttl !== 2 ** 31) : [];
    const notSessions = [null, {}, 'session', 7] as never[];
    const operation = (lifetime: object): Operation<string> => ({ type: 'put', key: 'a', value: '', ...lifetime });
    return refused(context, {
      ...each('put with ttl', ttls, (store, ttl) => store.put('a', '', { ttl })),
      ...each('atomicPut with ttl', ttls, (store, ttl) => store.atomicPut('a', '', null, { ttl })),
      ...each('put with session', notSessions, (store, session) => store.put('a', '', { session })),
      ...each('atomicPut with session', notSessions, (store, session) => store.atomicPut('a', '', null, { session })),
      ...each(
        'session with ttl',
        notDurations.filter((ttl) => ttl !== 2 ** 31),
        (store, ttl) => store.session({ ttl }),
      ),
      ...(context.capabilities.transaction &&
        each('transaction with ttl', ttls, (store, ttl) => transact(store, [operation({ ttl })]))),
    });
  }),

  conformanceCase('refusals/ttl-together-with-a-session', async ({ open, capabilities }) => {
    const [store, other] = [await open(), await open()];
    const session = await store.session();
    const foreign = await other.session();
    const ttl = capabilities.session.minMs;
    const fields = { operation: 'put', key: 'a', outcome: 'not-applied' } as const;
    await expectError(store.put('a', '', { ttl, session }), 'KV_INVALID_ARGUMENT', fields);
    await expectError(store.put('a', '', { session: foreign }), 'KV_INVALID_ARGUMENT', fields);
    await expectError(store.atomicPut('a', '', null, { ttl, session }), 'KV_INVALID_ARGUMENT', { key: 'a' });
    await expectError(
      store.update('a', () => '', { ttl, session }),
      'KV_INVALID_ARGUMENT',
      { key: 'a' },
    );
    if (capabilities.transaction) {
      await expectError(transact(store, [{ type: 'put', key: 'a', value: '', ttl, session }]), 'KV_INVALID_ARGUMENT', {
        operation: 'transaction',
        outcome: 'not-applied',
      });
    }
    assert.deepEqual(await other.list(''), []);
    await Promise.all([session.close(), foreign.close()]);
  }),

  conformanceCase('refusals/arguments-of-reads', (context) =>
    refused(context, {
      ...each('limit', [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, '1' as never], (store, limit) =>
        store.list('a', { limit }),
      ),
      ...each('keysOnly with limit', [0, -1, 1.5], (store, limit) => store.list('a', { limit, keysOnly: true })),
      ...each('get with consistency', ['eventual', '', null, 1] as never[], (store, consistency) =>
        store.get('a', { consistency }),
      ),
      ...each('getMany with consistency', ['eventual', null] as never[], (store, consistency) =>
        store.getMany(['a'], { consistency }),
      ),
      ...each('list with consistency', ['eventual', null] as never[], (store, consistency) =>
        store.list('a', { consistency }),
      ),
      ...each('scan with consistency', ['eventual', null] as never[], (store, consistency) =>
        first(store.scan('a', { consistency })),
      ),
    }),
  ),

  conformanceCase('refusals/after-is-a-key', (context) =>
    refused(
      context,
      {
        ...each('list after', ['a//b', '..', 'a\n', '', '/'], (store, after) => store.list('a', { after })),
        ...each('scan after', ['a//b', '..', ''], (store, after) => first(store.scan('a', { after }))),
      },
      'KV_INVALID_KEY',
    ),
  ),

  conformanceCase('refusals/previous-that-is-not-a-pair-of-the-key', (context) => {
    const notPairs = [undefined, {}, 'revision', 7, pairOf('a', ''), pairOf('a', 7), pairOf('a', undefined)] as never[];
    return refused(context, {
      ...each('atomicPut', notPairs, (store, previous) => store.atomicPut('a', '', previous)),
      ...each('atomicDelete', [...notPairs, null as never], (store, previous) => store.atomicDelete('a', previous)),
      'atomicPut of another key': (store) => store.atomicPut('a', '', pairOf('b', '1')),
      'atomicPut of a key below': (store) => store.atomicPut('a', '', pairOf('a/b', '1')),
      'atomicDelete of another key': (store) => store.atomicDelete('a', pairOf('ab', '1')),
    });
  }),

  conformanceCase('refusals/values-of-another-type', (context) =>
    refused(context, {
      ...each('put', notValues, (store, value) => store.put('a', value)),
      ...each('atomicPut', notValues, (store, value) => store.atomicPut('a', value, null)),
      ...each('text put', [...notValues, new Uint8Array(1) as never], (store, value) =>
        store.withCodec(text()).put('a', value),
      ),
    }),
  ),

  conformanceCase('refusals/transactions-that-make-no-sense', (context) => {
    const { transaction } = context.capabilities;
    const put = { type: 'put', key: 'a', value: '' } as const;
    const malformed: Record<string, Attempt> = {
      'no operation': (store) => transact(store, []),
      'no list of operations': (store) => transact(store, undefined as never),
      'an operation of an unknown type': (store) => transact(store, [{ type: 'increment', key: 'a' } as never]),
      'a condition that says nothing': (store) => transact(store, [put], [{ key: 'b' } as never]),
      'a condition on an empty revision': (store) => transact(store, [put], [pairOf('b', '')]),
      'a condition on no revision': (store) => transact(store, [put], [pairOf('b', undefined)]),
      'a value of another type': (store) => transact(store, [{ ...put, value: 7 as never }]),
    };
    return refused(context, transaction ? malformed : {});
  }),

  conformanceCase('refusals/what-is-declared-unsupported-is-refused-before-any-io', (context) => {
    const { ttl, transaction } = context.capabilities;
    const put = { type: 'put', key: 'a', value: '' } as const;
    const withoutTtl: Record<string, Attempt> = {
      'put with ttl': (store) => store.put('a', '', { ttl: 60_000 }),
      'atomicPut with ttl': (store) => store.atomicPut('a', '', null, { ttl: 60_000 }),
    };
    const withoutTransactions: Record<string, Attempt> = {
      transaction: (store) => transact(store, [put]),
      'transaction with conditions': (store) => transact(store, [put], [{ key: 'a', exists: false }]),
    };
    return refused(
      context,
      { ...(ttl ? {} : withoutTtl), ...(transaction ? {} : withoutTransactions) },
      'KV_UNSUPPORTED',
    );
  }),

  conformanceCase('refusals/open-store-checks-its-options', async ({ driver }) => {
    const factory = await driver();
    for (const timeout of notDurations) {
      await expectError(openStore(factory, { timeout }), 'KV_INVALID_ARGUMENT');
    }
    const error = await expectError(openStore({ ...factory, driverApi: 2 as never }), 'KV_UNSUPPORTED', {
      driver: factory.name,
      operation: 'openStore',
    });
    assert.match(error.message, /\b2\b/);
  }),

  conformanceCase('refusals/capabilities-are-frozen-and-make-sense', async ({ open, capabilities }) => {
    const store = await open();
    assert.equal(store.capabilities, store.namespace('a').capabilities);
    const parts = [capabilities, capabilities.session, capabilities.lock, capabilities.ttl, capabilities.transaction];
    for (const part of parts) assert(Object.isFrozen(part), `not frozen: ${JSON.stringify(part)}`);
    for (const limits of [capabilities.session, capabilities.ttl]) {
      if (!limits) continue;
      const { minMs, maxMs, latestFactor } = limits;
      assert(minMs > 0 && minMs <= 60_000 && maxMs >= minMs && latestFactor >= 1, JSON.stringify(limits));
    }
    assert(['every-change', 'latest-state'].includes(capabilities.watch));
    assert(['exact', 'version'].includes(capabilities.compareAndSet));
    assert.equal(typeof capabilities.atomicTrees, 'boolean');
    assert.equal(typeof capabilities.lock.fair, 'boolean');
  }),
];
