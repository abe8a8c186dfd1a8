import { setImmediate as nextTurn } from 'node:timers/promises';
import { type Driver, KvError, type StoredPair } from '@kv/core';
import type { MemoryServer } from '@kv/core/memory';
import { type BrokenDriver, replaced } from './broken-driver.ts';

export const brokenDrivers: readonly BrokenDriver[] = [
  {
    name: 'throws an error of its client library',
    caughtBy: 'atomic-put/creates-with-null',
    breaks: (driver, server) =>
      replaced(driver, {
        atomicPut: (key, value, previous, lifetime, call) => {
          if (previous === null && server.get(key) !== undefined) throw new Error('409 Conflict');
          return driver.atomicPut(key, value, previous, lifetime, call);
        },
      }),
  },
  {
    name: 'quotes the value in errors',
    caughtBy: 'errors/tell-the-call-the-key-and-the-driver',
    breaks: (driver, server) =>
      replaced(driver, {
        atomicPut: (key, value, previous, lifetime, call) => {
          if (previous === null || server.get(key) === undefined || server.get(key)?.revision === previous) {
            return driver.atomicPut(key, value, previous, lifetime, call);
          }
          const detail = `cannot write ${new TextDecoder().decode(value)}: the pair has another revision`;
          throw new KvError('KV_KEY_MODIFIED', detail, { outcome: 'not-applied' });
        },
      }),
  },
  {
    name: 'ignores `ttl`',
    caughtBy: 'ttl/ends-a-key-not-before-its-time-and-at-the-latest-by-the-bound',
    breaks: (driver) =>
      replaced(driver, {
        put: async (key, value, { ttl }, call) => {
          const pair = await driver.put(key, value, {}, call);
          return ttl === undefined ? pair : { ...pair, ttl };
        },
      }),
  },
  {
    name: 'ends a key before its time',
    caughtBy: 'ttl/ends-a-key-not-before-its-time-and-at-the-latest-by-the-bound',
    breaks: (driver) =>
      replaced(driver, {
        put: async (key, value, { ttl, ...lifetime }, call) => {
          if (ttl === undefined) return driver.put(key, value, lifetime, call);
          return { ...(await driver.put(key, value, { ttl: ttl * 0.2 }, call)), ttl };
        },
      }),
  },
  {
    name: 'lets the old `ttl` end a key that was made permanent',
    caughtBy: 'ttl/is-replaced-by-the-lifetime-of-the-next-write',
    breaks: (driver, server) =>
      replaced(driver, {
        put: async (key, value, lifetime, call) => {
          const { ttl } = lifetime;
          if (ttl !== undefined) setTimeout(() => server.commit([], [{ type: 'delete', key }]), ttl).unref();
          return driver.put(key, value, lifetime, call);
        },
      }),
  },
  {
    name: 'forgets the last put in a crash',
    caughtBy: 'faults/acknowledged-writes-survive-a-restart',
    breaks: forgetInCrash,
  },
  {
    name: 'forgets the last update in a crash',
    caughtBy: 'faults/updates-over-a-restart-lose-none-that-was-acknowledged',
    breaks: forgetInCrash,
  },
  {
    name: 'says of a write that broke off that it was not applied',
    caughtBy: 'histories/are-linearizable',
    breaks: (driver) => {
      let count = 0;
      return replaced(driver, {
        atomicPut: async (key, value, previous, lifetime, call) => {
          const pair = await driver.atomicPut(key, value, previous, lifetime, call);
          if (++count % 2 === 0) {
            throw new KvError('KV_UNAVAILABLE', 'the connection broke', { retryable: true, outcome: 'not-applied' });
          }
          return pair;
        },
      });
    },
  },
  {
    name: 'reads an old state now and then',
    caughtBy: 'histories/are-linearizable',
    breaks: (driver, server) => {
      let before: StoredPair | undefined;
      return replaced(driver, {
        get: async (key) => {
          const now = server.get(key);
          const told = Math.random() < 0.5 ? before : now;
          before = now;
          return told;
        },
      });
    },
  },
  {
    name: 'sends a write again of which it does not know whether it was applied',
    caughtBy: 'update/by-many-clients-loses-none',
    breaks: (driver, server) =>
      replaced(driver, {
        // As a blind retry does: over what others have written meanwhile.
        atomicPut: async (key, value, previous, lifetime, call) => {
          const pair = await driver.atomicPut(key, value, previous, lifetime, call);
          await nextTurn();
          server.commit([], [{ type: 'put', key, value, lifetime: {} }]);
          return pair;
        },
      }),
  },
  {
    name: 'leaves a timer behind when it is closed',
    caughtBy: 'close/frees-what-keeps-the-process-alive',
    breaks: (driver) => {
      setTimeout(() => {}, 10_000);
      return driver;
    },
  },
];

function forgetInCrash(driver: Driver, server: MemoryServer): Driver {
  let last = '';
  server.gate.connected(() => server.commit([], [{ type: 'delete', key: last }]));
  return replaced(driver, {
    put: (key, value, lifetime, call) => {
      last = key;
      return driver.put(key, value, lifetime, call);
    },
    atomicPut: (key, value, previous, lifetime, call) => {
      last = key;
      return driver.atomicPut(key, value, previous, lifetime, call);
    },
  });
}
