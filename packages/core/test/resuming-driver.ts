import { setTimeout as delay } from 'node:timers/promises';
import type { Driver, DriverWatch, StoredChange, StoredPair } from '@kv/core';
import { replaced } from './broken-drivers/broken-driver.ts';

/**
 * A driver that follows a broken connection by itself, as etcd's can: it reports what has changed meanwhile instead of a new
 * snapshot. `tell` gets what was missed, and returns what to report of it.
 */
export function resuming(
  driver: Driver,
  tell: (missed: readonly StoredChange[]) => readonly StoredChange[] = (missed) => missed,
): Driver {
  return replaced(driver, {
    watch(target, sink, signal) {
      const known = new Map<string, StoredPair>();
      const over = Promise.withResolvers<void>();
      let first = true;
      let current: DriverWatch;
      const report = (changes: readonly StoredChange[]) => {
        for (const { key, pair } of changes) if (pair) known.set(key, pair);
        for (const { key, pair } of changes) if (!pair) known.delete(key);
        sink.changes(changes);
      };
      const follow = () => {
        current = driver.watch(
          target,
          {
            ...sink,
            changes: report,
            snapshot(pairs) {
              if (!first) return report(tell(missed(known, pairs)));
              first = false;
              for (const pair of pairs) known.set(pair.key, pair);
              sink.snapshot(pairs);
            },
          },
          signal,
        );
        current.ended.then(over.resolve, async (error) => {
          sink.interrupted(error);
          await delay(5, undefined, { signal }).then(follow, () => over.resolve());
        });
      };
      follow();
      return { ended: over.promise, catchUp: (call) => current.catchUp(call) };
    },
  });
}

function missed(known: ReadonlyMap<string, StoredPair>, pairs: readonly StoredPair[]): readonly StoredChange[] {
  const present = new Set(pairs.map(({ key }) => key));
  const gone = [...known.keys()].filter((key) => !present.has(key)).map((key) => ({ key }));
  const put = pairs.filter(({ key, revision }) => known.get(key)?.revision !== revision);
  return [...gone, ...put.map((pair) => ({ key: pair.key, pair }))];
}
