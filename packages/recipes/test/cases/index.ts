import type { ConformanceCase } from '@kv/core/conformance';
import { barrier } from './barrier.ts';
import { counter } from './counter.ts';
import { discovery } from './discovery.ts';
import { election } from './election.ts';
import { persistentKeys } from './persistent-key.ts';
import { picker } from './picker.ts';
import { readWriteLock } from './read-write-lock.ts';
import { semaphore } from './semaphore.ts';

/** What the recipes promise on every backend. */
export const recipeCases: readonly ConformanceCase[] = [
  ...election,
  ...discovery,
  ...picker,
  ...semaphore,
  ...readWriteLock,
  ...barrier,
  ...persistentKeys,
  ...counter,
];
