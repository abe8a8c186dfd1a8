import assert from 'node:assert/strict';
import { KvError } from '../../error.ts';
import { memory } from '../../memory/index.ts';
import { openStore } from '../../open-store.ts';
import type { KVPair } from '../../pair.ts';
import type { Store } from '../../store.ts';
import type { Condition, Operation } from '../../transaction.ts';
import { textOf } from '../bytes.ts';
import { conformanceCase } from '../case.ts';

const keys = ['a', 'a/b', 'a/b/c', 'a-b', 'a0', 'ab', 'b/c/d', '🎉', '\uff5e', 'ü/x'];
const directories = ['', 'a', 'a/b', 'b', 'ü', 'absent'];

/** A pair as the store and the model know it: the same but for the revisions. */
interface Known {
  readonly key: string;
  readonly tested: KVPair;
  readonly model: KVPair;
}

type Step = (store: Store, pick: (known: Known) => KVPair) => Promise<unknown>;

/** Results without what differs between two stores: a pair becomes its key and value, an error its code. */
function comparable(result: unknown): unknown {
  if (Array.isArray(result)) return result.map(comparable);
  if (typeof result !== 'object' || result === null) return result;
  if ('revision' in result) return `${(result as KVPair).key}: ${textOf(result as KVPair)}`;
  return Object.fromEntries(Object.entries(result).map(([name, value]) => [name, comparable(value)]));
}

async function outcomeOf(pending: Promise<unknown>): Promise<{ result: unknown; told: unknown }> {
  const [settled] = await Promise.allSettled([pending]);
  if (settled?.status === 'fulfilled') return { result: settled.value, told: comparable(settled.value) };
  const error: unknown = settled?.reason;
  if (!KvError.is(error)) throw error;
  return { result: undefined, told: error.code };
}

export const model = [
  conformanceCase(
    'model/random-calls-do-what-they-do-in-memory',
    async ({ open, random, capabilities }) => {
      const tested = [await open(), await open()];
      const reference = await openStore(memory());
      const oneOf = <T>(items: readonly T[]): T => items[Math.floor(random() * items.length)] as T;
      const known: Known[] = [];
      const current = new Map<string, KVPair>();
      let values = 0;
      /** Never the one that the key has: writing that again may leave the revision as it is. */
      const valueFor = (key: string) => {
        const isEmpty = current.get(key)?.value.length === 0;
        return random() < 0.3 && !isEmpty ? '' : `v${++values}`;
      };

      /** A pair of the key that was there at some time, most often the last one. */
      const previousOf = (key: string): Known | undefined => {
        const fitting = known.filter(
          (one) =>
            one.key === key &&
            // Where revisions may come back after a delete, those from before it say nothing.
            (capabilities.compareAndSet === 'exact' ||
              !current.has(key) ||
              one.model.createRevision === current.get(key)?.createRevision),
        );
        return random() < 0.6 ? fitting.at(-1) : oneOf(fitting);
      };
      const condition = (key: string): ((pick: (one: Known) => KVPair) => Condition) => {
        const previous = random() < 0.5 ? previousOf(key) : undefined;
        const exists = random() < 0.5;
        return (pick) => (previous === undefined ? { key, exists } : { key, revision: pick(previous).revision });
      };
      const steps: Record<string, () => Step> = {
        put: () => {
          const key = oneOf(keys);
          const next = valueFor(key);
          return (store) => store.put(key, next);
        },
        delete: () => {
          const key = oneOf(keys);
          return (store) => store.delete(key);
        },
        atomicPut: () => {
          const key = oneOf(keys);
          const next = valueFor(key);
          const previous = random() < 0.3 ? undefined : previousOf(key);
          return (store, pick) => store.atomicPut(key, next, previous ? pick(previous) : null);
        },
        atomicDelete: () => {
          const previous = previousOf(oneOf(keys));
          return async (store, pick) => previous && store.atomicDelete(previous.key, pick(previous));
        },
        getMany: () => {
          const wanted = [oneOf(keys), oneOf(keys), oneOf(keys)];
          return (store) => store.getMany(wanted);
        },
        list: () => {
          const directory = oneOf(directories);
          const options = {
            recursive: random() < 0.6,
            ...(random() < 0.4 && { limit: 1 + Math.floor(random() * 4) }),
            ...(random() < 0.4 && { after: oneOf(keys) }),
          };
          return (store) => store.list(directory, options);
        },
        keys: () => {
          const directory = oneOf(directories);
          return (store) => store.list(directory, { keysOnly: true });
        },
        deleteTree: () => {
          const directory = oneOf(directories.slice(1));
          return (store) => store.deleteTree(directory);
        },
        exists: () => {
          const key = oneOf(keys);
          return (store) => store.exists(key);
        },
        ...(capabilities.transaction && {
          transaction: () => {
            const subjects = [...new Set([oneOf(keys), oneOf(keys), oneOf(keys)])];
            const operations = subjects.map(
              (key): Operation<string> =>
                random() < 0.7 ? { type: 'put', key, value: valueFor(key) } : { type: 'delete', key },
            );
            const conditions = Array.from({ length: Math.floor(random() * 3) }, () => condition(oneOf(keys)));
            return (store, pick) => store.transaction({ if: conditions.map((make) => make(pick)), then: operations });
          },
        }),
      };

      const log: string[] = [];
      const compare = async (name: string, step: Step) => {
        const store = oneOf(tested);
        const [real, expected] = [
          await outcomeOf(step(store, (one) => one.tested)),
          await outcomeOf(step(reference, (one) => one.model)),
        ];
        log.push(`${name} → ${JSON.stringify(expected.told)}`);
        assert.deepEqual(real.told, expected.told, `after these calls:\n${log.slice(-25).join('\n')}`);
      };
      const everything = async () => {
        const [real, expected] = [await oneOf(tested).list(''), await reference.list('')];
        assert.deepEqual(comparable(real), comparable(expected), `after these calls:\n${log.slice(-25).join('\n')}`);
        current.clear();
        for (const [i, pair] of expected.entries()) {
          current.set(pair.key, pair);
          if (!known.some((one) => one.model.key === pair.key && one.model.revision === pair.revision)) {
            known.push({ key: pair.key, model: pair, tested: real[i] as KVPair });
          }
        }
      };

      try {
        const names = [...Object.keys(steps), 'put', 'put', 'atomicPut', 'atomicPut'];
        for (let i = 0; i < 120; i++) {
          const name = oneOf(names);
          await compare(name, (steps[name] as () => Step)());
          await everything();
        }
      } finally {
        await reference.close();
      }
    },
    { timeout: 60_000 },
  ),
];
