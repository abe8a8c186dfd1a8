import { setImmediate as nextTurn } from 'node:timers/promises';
import { type Driver, KvError, type StoredPair } from '@kv/core';
import { type BrokenDriver, replaced } from './broken-driver.ts';

function modified(): KvError {
  return new KvError('KV_KEY_MODIFIED', 'the pair has another revision', { outcome: 'not-applied' });
}

export const brokenDrivers: readonly BrokenDriver[] = [
  {
    name: 'deletes children with their parent',
    caughtBy: 'delete/leaves-parents-children-and-siblings',
    breaks: (driver, server) =>
      replaced(driver, {
        delete: (key, call) => {
          server.deleteTree(key);
          return driver.delete(key, call);
        },
      }),
  },
  {
    name: 'tells every delete that the key existed',
    caughtBy: 'delete/of-one-key-by-many-clients-succeeds-once',
    breaks: (driver) =>
      replaced(driver, {
        delete: async (key, call) => {
          await driver.delete(key, call);
          return true;
        },
      }),
  },
  {
    name: 'makes the parents of a key exist',
    caughtBy: 'put/leaves-parents-and-children-alone',
    breaks: (driver, server) =>
      replaced(driver, {
        put: (key, value, lifetime, call) => {
          const parent = key.slice(0, key.lastIndexOf('/'));
          const empty = { type: 'put', key: parent, value: new Uint8Array(), lifetime: {} } as const;
          server.commit([{ key: parent, exists: false }], [empty]);
          return driver.put(key, value, lifetime, call);
        },
      }),
  },
  {
    name: 'takes a directory for an existing key',
    caughtBy: 'put/leaves-parents-and-children-alone',
    breaks: (driver, server) =>
      replaced(driver, { exists: (key) => server.get(key) !== undefined || [...server.keys(key)].length > 0 }),
  },
  {
    name: 'leaves absent keys out of `getMany`',
    caughtBy: 'get-many/keeps-the-order-with-absent-keys-and-duplicates',
    breaks: (driver, server) =>
      replaced(driver, { getMany: (keys) => keys.map((key) => server.get(key)).filter((pair) => pair !== undefined) }),
  },
  {
    name: 'takes canonically equivalent Unicode for the same key',
    caughtBy: 'keys/nasty-segments-round-trip',
    breaks: (driver) =>
      replaced(driver, {
        put: (key, value, lifetime, call) => driver.put(key.normalize(), value, lifetime, call),
        get: (key, consistency, call) => driver.get(key.normalize(), consistency, call),
      }),
  },
  {
    name: 'takes an empty value for an absent key',
    caughtBy: 'values/empty-is-not-absent',
    breaks: (driver, server) =>
      replaced(driver, {
        get: (key) => {
          const pair = server.get(key);
          return pair?.value.byteLength === 0 ? undefined : pair;
        },
      }),
  },
  {
    name: 'stores values as text',
    caughtBy: 'values/any-bytes-round-trip',
    breaks: (driver) =>
      replaced(driver, {
        put: (key, value, lifetime, call) =>
          driver.put(key, new TextEncoder().encode(new TextDecoder().decode(value)), lifetime, call),
      }),
  },
  {
    name: 'gives its own array to readers',
    caughtBy: 'values/the-readers-array-is-the-readers',
    breaks: (driver, server) => replaced(driver, { get: (key) => server.get(key) }),
  },
  {
    name: 'answers reads from a cache',
    caughtBy: 'get/linearizable-sees-what-another-client-was-told-is-written',
    breaks: (driver, server) => {
      const cache = new Map<string, StoredPair | undefined>();
      return replaced(driver, {
        get: (key) => {
          if (!cache.has(key)) cache.set(key, server.get(key));
          return cache.get(key);
        },
      });
    },
  },
  {
    name: 'ignores the revision in a compare-and-set',
    caughtBy: 'atomic-put/refuses-a-pair-that-has-changed',
    breaks: (driver, server) =>
      replaced(driver, {
        atomicPut: (key, value, previous, lifetime, call) =>
          previous === null || server.get(key) === undefined
            ? driver.atomicPut(key, value, previous, lifetime, call)
            : driver.put(key, value, lifetime, call),
      }),
  },
  {
    name: 'accepts a revision from before delete and re-creation',
    caughtBy: 'atomic-put/refuses-a-revision-from-before-delete-and-re-creation',
    breaks: (driver, server) =>
      replaced(driver, {
        atomicPut: (key, value, previous, lifetime, call) => {
          const current = server.get(key);
          const earlier = previous !== null && current !== undefined && BigInt(previous) < current.createRevision;
          return driver.atomicPut(key, value, earlier ? current.revision : previous, lifetime, call);
        },
      }),
  },
  {
    name: 'takes an absent key for a changed one',
    caughtBy: 'atomic-put/tells-an-absent-key-from-a-changed-one',
    breaks: (driver, server) =>
      replaced(driver, {
        atomicPut: (key, value, previous, lifetime, call) => {
          if (previous !== null && server.get(key)?.revision !== previous) throw modified();
          return driver.atomicPut(key, value, previous, lifetime, call);
        },
      }),
  },
  {
    name: 'looks whether the key exists and creates it later',
    caughtBy: 'atomic-put/race-to-create-has-one-winner',
    breaks: (driver, server) =>
      replaced(driver, {
        atomicPut: async (key, value, previous, lifetime, call) => {
          if (previous !== null || server.get(key) !== undefined) {
            return driver.atomicPut(key, value, previous, lifetime, call);
          }
          await nextTurn();
          return driver.put(key, value, lifetime, call);
        },
      }),
  },
  {
    name: 'deletes without a look at the revision',
    caughtBy: 'atomic-delete/tells-a-changed-key-from-an-absent-one',
    breaks: (driver, server) =>
      replaced(driver, {
        atomicDelete: (key, previous, call) => driver.atomicDelete(key, server.get(key)?.revision ?? previous, call),
      }),
  },
  {
    name: 'returns the pair that is there after a put, whoever wrote it',
    caughtBy: 'revisions/a-write-returns-its-own-and-not-a-later-one',
    breaks: (driver, server) =>
      replaced(driver, {
        put: async (key, value, lifetime, call) => {
          await driver.put(key, value, lifetime, call);
          await nextTurn();
          return server.get(key) as StoredPair;
        },
      }),
  },
  {
    name: 'gives each write a `createRevision` of its own',
    caughtBy: 'revisions/change-with-every-new-value',
    breaks: (driver) =>
      replaced(driver, {
        put: async (key, value, lifetime, call) => {
          const pair = await driver.put(key, value, lifetime, call);
          return { ...pair, createRevision: BigInt(pair.revision) };
        },
      }),
  },
  {
    name: 'counts creations for each client',
    caughtBy: 'revisions/create-revision-grows-in-the-order-of-creation',
    breaks: (driver) => {
      let created = 0n;
      const own = (pair: StoredPair) => ({ ...pair, createRevision: ++created });
      return replaced(driver, {
        put: async (...args) => own(await driver.put(...args)),
        atomicPut: async (...args) => own(await driver.atomicPut(...args)),
      });
    },
  },
  {
    name: 'applies a transaction whatever its conditions say',
    caughtBy: 'transaction/is-applied-exactly-if-all-conditions-hold',
    breaks: (driver) =>
      replaced(driver, { transaction: (_, operations, call) => transactionOf(driver)([], operations, call) }),
  },
  {
    name: 'looks at the first condition of a transaction alone',
    caughtBy: 'transaction/is-applied-exactly-if-all-conditions-hold',
    breaks: (driver) =>
      replaced(driver, {
        transaction: ([first], operations, call) => transactionOf(driver)(first ? [first] : [], operations, call),
      }),
  },
  {
    name: 'applies the deletes of a transaction that failed',
    caughtBy: 'transaction/that-fails-changes-nothing',
    breaks: (driver, server) =>
      replaced(driver, {
        transaction: async (conditions, operations, call) => {
          const result = await transactionOf(driver)(conditions, operations, call);
          for (const operation of operations) if (operation.type === 'delete') server.commit([], [operation]);
          return result;
        },
      }),
  },
  {
    name: 'takes fewer bytes in a transaction than it declares',
    caughtBy: 'transaction/values-up-to-the-limit-together-are-applied-and-over-it-refused',
    breaks: (driver) =>
      replaced(driver, {
        transaction: (conditions, operations, call) => {
          const bytes = operations.reduce((sum, each) => sum + (each.type === 'put' ? each.value.byteLength : 0), 0);
          if (bytes >= 4 << 20) throw new KvError('KV_UNAVAILABLE', 'the request is too large');
          return transactionOf(driver)(conditions, operations, call);
        },
      }),
  },
  {
    name: 'declares limits that are not its own',
    caughtBy: 'values/up-to-the-limit-are-stored-and-over-it-refused',
    breaks: (driver) => {
      const limit = driver.capabilities.maxValueBytes / 2;
      return replaced(driver, {
        put: (key, value, lifetime, call) => {
          if (value.byteLength > limit) throw new KvError('KV_INTERNAL', 'the server hung up', { outcome: 'unknown' });
          return driver.put(key, value, lifetime, call);
        },
      });
    },
  },
];

function transactionOf(driver: Driver): NonNullable<Driver['transaction']> {
  if (driver.transaction === undefined) throw new Error('the memory driver has transactions');
  return driver.transaction.bind(driver);
}
