import { setTimeout as delay } from 'node:timers/promises';
import {
  type Driver,
  type DriverLock,
  type DriverSession,
  KvError,
  type StoredPair,
  type WatchSink,
  type WatchTarget,
} from '@kv/core';
import type { MemoryServer } from '@kv/core/memory';
import { resuming } from '../resuming-driver.ts';
import { type BrokenDriver, replaced } from './broken-driver.ts';

/** What its watches report goes through other hands. */
function watching(
  driver: Driver,
  hands: (sink: WatchSink, target: WatchTarget) => Partial<WatchSink>,
  follow: (target: WatchTarget) => WatchTarget = (target) => target,
): Driver {
  return replaced(driver, {
    watch: (target, sink, signal) => driver.watch(follow(target), { ...sink, ...hands(sink, target) }, signal),
  });
}

/** Watches that report only the pairs that `keep` lets through, out of those that `follow` gives. */
function watchingOnly(
  driver: Driver,
  keep: (key: string, target: WatchTarget) => boolean,
  follow?: (target: WatchTarget) => WatchTarget,
): Driver {
  return watching(
    driver,
    (sink, target) => ({
      snapshot: (pairs) => sink.snapshot(pairs.filter(({ key }) => keep(key, target))),
      changes: (changes) => sink.changes(changes.filter(({ key }) => keep(key, target))),
    }),
    follow,
  );
}

function pathOf(target: WatchTarget): string {
  return 'key' in target ? target.key : target.directory;
}

/** Every pair that leaves the driver, as `change` makes it. */
function changingPairs(driver: Driver, change: (pair: StoredPair) => StoredPair): Driver {
  return replaced(
    watching(driver, (sink) => ({
      snapshot: (pairs) => sink.snapshot(pairs.map(change)),
      changes: (changes) =>
        sink.changes(changes.map(({ key, pair }) => (pair ? { key, pair: change(pair) } : { key }))),
    })),
    {
      put: async (...args) => change(await driver.put(...args)),
      atomicPut: async (...args) => change(await driver.atomicPut(...args)),
      list: async (...args) => {
        const page = await driver.list(...args);
        return { ...page, items: page.items.map(change) };
      },
      get: async (...args) => {
        const pair = await driver.get(...args);
        return pair && change(pair);
      },
    },
  );
}

function sessions(driver: Driver, change: (session: DriverSession) => Partial<DriverSession>): Driver {
  return replaced(driver, {
    openSession: async (...args) => {
      const session = await driver.openSession(...args);
      return { ...session, ...change(session) };
    },
  });
}

/** Which session each key of a server was last bound to. */
const bound = new WeakMap<MemoryServer, Map<string, DriverSession>>();

function boundOf(server: MemoryServer): Map<string, DriverSession> {
  const known = bound.get(server) ?? new Map<string, DriverSession>();
  bound.set(server, known);
  return known;
}

const waiting = new WeakMap<MemoryServer, symbol[]>();

/** A lock by one key that all try to create, the last comer first. */
function lastComerFirst(driver: Driver, server: MemoryServer): DriverLock {
  const queue = waiting.get(server) ?? [];
  waiting.set(server, queue);
  return {
    async acquire({ key, value, session, wait }, { signal, timeout }) {
      const call = { signal, deadline: performance.now() + timeout };
      const self = Symbol();
      queue.push(self);
      try {
        for (;;) {
          if (queue.at(-1) === self && server.get(`${key}/entry`) === undefined) {
            const {
              key: entry,
              revision,
              createRevision,
            } = await driver.atomicPut(`${key}/entry`, value, null, { session }, call);
            const release = async () => void (await driver.delete(entry, call));
            return {
              token: createRevision,
              condition: { key: entry, revision },
              lost: new Promise<never>(() => {}),
              release,
            };
          }
          if (!wait) return undefined;
          await delay(1, undefined, { signal });
        }
      } finally {
        queue.splice(queue.indexOf(self), 1);
      }
    },
    holder: async () => undefined,
  };
}

export const brokenDrivers: readonly BrokenDriver[] = [
  {
    name: 'drops the first change after it resumes',
    caughtBy: 'watch/resumes-after-a-reset',
    breaks: (driver) => resuming(driver, (missed) => missed.slice(1)),
  },
  {
    name: 'tells no deletions of the time that it was cut off',
    caughtBy: 'watch/sees-what-changed-while-it-was-cut-off',
    breaks: (driver) => resuming(driver, (missed) => missed.filter(({ pair }) => pair !== undefined)),
  },
  {
    name: 'takes what it knows for a part of the new snapshot',
    caughtBy: 'watch/sees-what-changed-while-it-was-cut-off',
    breaks(driver) {
      const known = new Map<string, StoredPair>();
      return watching(driver, (sink) => ({
        snapshot(pairs) {
          for (const pair of pairs) known.set(pair.key, pair);
          sink.snapshot([...known.values()]);
        },
      }));
    },
  },
  {
    name: 'reports the state from before the cut once more',
    caughtBy: 'watch/resumes-after-a-reset',
    breaks(driver) {
      const first = new Map<string, readonly StoredPair[]>();
      return watching(driver, (sink, target) => ({
        snapshot(pairs) {
          const id = JSON.stringify(target);
          const old = first.get(id);
          if (old === undefined) first.set(id, pairs);
          else sink.snapshot(old);
          sink.snapshot(pairs);
        },
      }));
    },
  },
  {
    name: 'loses what changes between snapshot and subscription',
    caughtBy: 'watch/loses-nothing-of-1000-writes-while-watches-start',
    breaks: (driver) =>
      watching(driver, (sink) => {
        let subscribed = false;
        return {
          snapshot(pairs) {
            sink.snapshot(pairs);
            setImmediate(() => {
              subscribed = true;
            });
          },
          changes: (changes) => sink.changes(subscribed ? changes : []),
        };
      }),
  },
  {
    name: 'says that a watch has caught up when it has not',
    caughtBy: 'watch/a-late-watcher-starts-with-a-write-acknowledged-just-before',
    breaks: (driver) =>
      replaced(driver, {
        watch(target, sink, signal) {
          const late = {
            ...sink,
            changes: (...args: Parameters<WatchSink['changes']>) => void setTimeout(() => sink.changes(...args), 5),
          };
          return { ...driver.watch(target, late, signal), ended: new Promise(() => {}), catchUp: async () => {} };
        },
      }),
  },
  {
    name: 'watches `ab` as a part of `a`',
    caughtBy: 'watch-tree/never-sees-siblings-or-its-own-key',
    breaks: (driver) =>
      watchingOnly(
        driver,
        (key, target) => ('key' in target ? key === target.key : key.startsWith(target.directory)),
        () => ({ directory: '' }),
      ),
  },
  {
    name: 'watches the key of a directory with the directory',
    caughtBy: 'watch-tree/never-sees-siblings-or-its-own-key',
    breaks: (driver) =>
      watchingOnly(
        driver,
        (key, target) => key === pathOf(target) || ('directory' in target && key.startsWith(`${target.directory}/`)),
        () => ({ directory: '' }),
      ),
  },
  {
    name: 'watches the keys below a key with the key',
    caughtBy: 'watch/ignores-children-and-siblings',
    breaks: (driver) =>
      watchingOnly(
        driver,
        (key, target) => key.startsWith(`${pathOf(target)}/`) || ('key' in target && key === target.key),
        () => ({ directory: '' }),
      ),
  },
  {
    name: 'watches one level only',
    caughtBy: 'watch-tree/starts-with-all-depths-and-their-values',
    breaks: (driver) =>
      watchingOnly(driver, (key, target) => 'key' in target || !key.slice(target.directory.length + 1).includes('/')),
  },
  {
    name: 'leaves values out of watches',
    caughtBy: 'watch-tree/starts-with-all-depths-and-their-values',
    breaks: (driver) =>
      watching(driver, (sink) => ({
        snapshot: (pairs) => sink.snapshot(pairs.map((pair) => ({ ...pair, value: new Uint8Array() }))),
      })),
  },
  {
    name: 'reports no deletions',
    caughtBy: 'watch/a-late-watcher-starts-with-a-deletion-acknowledged-just-before',
    breaks: (driver) =>
      watching(driver, (sink) => ({
        changes: (changes) => sink.changes(changes.filter(({ pair }) => pair !== undefined)),
      })),
  },
  {
    name: 'reports nothing where nothing exists',
    caughtBy: 'watch/starts-with-undefined-where-the-key-is-absent',
    breaks: (driver) =>
      watching(driver, (sink) => ({
        snapshot: (pairs) => {
          if (pairs.length > 0) sink.snapshot(pairs);
        },
      })),
  },
  {
    name: 'tells only the last of several changes, and claims every-change',
    caughtBy: 'watch-tree/shows-every-change-in-order-to-a-consumer-that-keeps-up',
    breaks: (driver, server) =>
      watching(driver, (sink) => ({
        changes: (changes) =>
          void setTimeout(() => sink.changes(changes.filter(({ pair }) => pair === server.get(pair?.key ?? ''))), 5),
      })),
  },
  {
    name: 'never notices that a connection is silent',
    caughtBy: 'watch/notices-a-silent-connection',
    breaks: (driver) =>
      replaced(driver, {
        watch(target, sink, signal) {
          const watch = driver.watch(target, sink, signal);
          watch.ended.catch(() => {});
          return { ended: new Promise(() => {}), catchUp: (call) => watch.catchUp(call) };
        },
      }),
  },
  {
    name: 'keeps a timer of each watch that has ended',
    caughtBy: 'growth/of-watches',
    breaks: (driver) =>
      watching(driver, () => {
        setTimeout(() => {}, 15_000);
        return {};
      }),
  },
  {
    name: 'gives a re-created key its first createRevision',
    caughtBy: 'watch/sees-a-quick-re-creation-by-createRevision',
    breaks(driver) {
      const first = new Map<string, bigint>();
      return changingPairs(driver, (pair) => {
        const createRevision = first.get(pair.key) ?? pair.createRevision;
        first.set(pair.key, createRevision);
        return { ...pair, createRevision };
      });
    },
  },
  {
    name: 'gives an overwritten key a new createRevision',
    caughtBy: 'session/a-key-that-is-written-again-stays-bound',
    breaks: (driver) => changingPairs(driver, (pair) => ({ ...pair, createRevision: BigInt(pair.revision) })),
  },
  {
    name: 'gives keys that are created later a smaller createRevision',
    caughtBy: 'lock/has-one-holder',
    breaks: (driver) => changingPairs(driver, (pair) => ({ ...pair, createRevision: -pair.createRevision })),
  },
  {
    name: 'leaves the keys of a session that is closed',
    caughtBy: 'session/close-removes-its-keys-at-once',
    breaks: (driver) => sessions(driver, () => ({ close: async () => {} })),
  },
  {
    name: 'says that a session was renewed and did not ask',
    caughtBy: 'session/is-kept-far-beyond-its-ttl',
    breaks: (driver) => sessions(driver, () => ({ renew: async () => {} })),
  },
  {
    name: 'says that a session was renewed when nobody answered',
    caughtBy: 'session/is-lost-before-others-see-its-keys-go-refuse',
    breaks: (driver) => sessions(driver, ({ renew }) => ({ renew: (call) => renew(call).catch(() => {}) })),
  },
  {
    name: 'renews a session that the server has ended',
    caughtBy: 'session/ended-by-force-is-lost-and-its-keys-are-gone',
    breaks: (driver) =>
      sessions(driver, ({ renew }) => ({
        renew: async (call) => {
          await renew(call).catch((error) => {
            if (!KvError.is(error, 'KV_SESSION_LOST')) throw error;
          });
        },
      })),
  },
  {
    name: 'opens sessions that end before their ttl',
    caughtBy: 'session/is-kept-far-beyond-its-ttl',
    breaks: (driver) =>
      replaced(driver, {
        openSession: async (ttl, call) => ({ ...(await driver.openSession(ttl / 5, call)), ttl }),
      }),
  },
  {
    name: 'opens sessions that outlive their bound',
    caughtBy: 'lock/a-dead-waiter-does-not-block-the-queue',
    breaks: (driver) =>
      replaced(driver, {
        openSession: async (ttl, call) => ({ ...(await driver.openSession(ttl * 20, call)), ttl }),
      }),
  },
  {
    name: 'writes with a session that is gone as if there were none',
    caughtBy: 'session/ended-by-force-is-lost-and-its-keys-are-gone',
    breaks: (driver) =>
      replaced(driver, {
        put: async (key, value, lifetime, call) => {
          try {
            return await driver.put(key, value, lifetime, call);
          } catch {
            return driver.put(key, value, {}, call);
          }
        },
      }),
  },
  {
    name: 'keeps a key with the session that it was bound to first',
    caughtBy: 'session/a-key-moves-to-the-session-that-wrote-it-last',
    breaks: (driver, server) =>
      replaced(driver, {
        put(key, value, { session, ...lifetime }, call) {
          const first = boundOf(server).get(key) ?? session;
          if (first !== undefined) boundOf(server).set(key, first);
          return driver.put(key, value, first === undefined ? lifetime : { session: first }, call);
        },
      }),
  },
  {
    name: 'keeps a key bound that is written without a session',
    caughtBy: 'session/put-without-it-makes-its-key-permanent',
    breaks: (driver, server) =>
      replaced(driver, {
        put(key, value, { session = boundOf(server).get(key), ...lifetime }, call) {
          if (session !== undefined) boundOf(server).set(key, session);
          return driver.put(key, value, session === undefined ? lifetime : { session }, call);
        },
      }),
  },
  {
    name: 'leaves a key bound that compare-and-set makes permanent',
    caughtBy: 'session/put-without-it-makes-its-key-permanent',
    breaks: (driver, server) =>
      replaced(driver, {
        put(key, value, lifetime, call) {
          if (lifetime.session !== undefined) boundOf(server).set(key, lifetime.session);
          return driver.put(key, value, lifetime, call);
        },
        atomicPut(key, value, previous, { session = boundOf(server).get(key), ...lifetime }, call) {
          return driver.atomicPut(key, value, previous, session === undefined ? lifetime : { session }, call);
        },
      }),
  },
  {
    name: 'leaves those who gave up in the queue of a lock',
    caughtBy: 'lock/an-aborted-wait-leaves-nothing',
    breaks: (driver) => sessions(driver, () => ({ close: async () => {} })),
  },
  {
    name: 'serves the last comer first',
    caughtBy: 'lock/is-first-come-first-served',
    breaks: (driver, server) => replaced(driver, { lock: lastComerFirst(driver, server) }),
  },
  {
    name: 'grants a lock to everybody',
    caughtBy: 'lock/protects-a-counter-without-compare-and-set',
    breaks(driver) {
      let token = 0n;
      return replaced(driver, {
        lock: {
          acquire: async ({ key }) => {
            await delay(1);
            return {
              token: ++token,
              condition: { key, exists: true },
              lost: new Promise<never>(() => {}),
              release: async () => {},
            };
          },
          holder: async () => undefined,
        },
      });
    },
  },
];
