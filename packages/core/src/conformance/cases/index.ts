import type { ConformanceCase } from '../case.ts';
import { abort } from './abort.ts';
import { atomic } from './atomic.ts';
import { close } from './close.ts';
import { codecs } from './codecs.ts';
import { deleteTree } from './delete-tree.ts';
import { errors } from './errors.ts';
import { getAndPut } from './get-and-put.ts';
import { growth } from './growth.ts';
import { histories } from './histories.ts';
import { keys } from './keys.ts';
import { list } from './list.ts';
import { lock } from './lock.ts';
import { lockContention } from './lock-contention.ts';
import { lockFaults } from './lock-faults.ts';
import { lockFaultsHistory } from './lock-faults-history.ts';
import { lockWaiting } from './lock-waiting.ts';
import { model } from './model.ts';
import { namespaces } from './namespaces.ts';
import { outages } from './outages.ts';
import { refusals } from './refusals.ts';
import { restarts } from './restarts.ts';
import { revisions } from './revisions.ts';
import { session } from './session.ts';
import { sessionFaults } from './session-faults.ts';
import { sessionKeys } from './session-keys.ts';
import { status } from './status.ts';
import { tracing } from './tracing.ts';
import { transaction } from './transaction.ts';
import { ttl } from './ttl.ts';
import { update } from './update.ts';
import { values } from './values.ts';
import { watchConsumer } from './watch-consumer.ts';
import { watchEnd } from './watch-end.ts';
import { watchFaults } from './watch-faults.ts';
import { watchKey } from './watch-key.ts';
import { watchStart } from './watch-start.ts';
import { watchTree } from './watch-tree.ts';

/** Every case, by subject. */
export const cases: readonly ConformanceCase[] = [
  ...keys,
  ...values,
  ...getAndPut,
  ...list,
  ...deleteTree,
  ...atomic,
  ...revisions,
  ...update,
  ...transaction,
  ...ttl,
  ...refusals,
  ...errors,
  ...abort,
  ...close,
  ...namespaces,
  ...codecs,
  ...tracing,
  ...outages,
  ...restarts,
  ...histories,
  ...model,
  ...watchKey,
  ...watchTree,
  ...watchStart,
  ...watchEnd,
  ...watchConsumer,
  ...session,
  ...sessionKeys,
  ...lock,
  ...lockWaiting,
  ...lockContention,
  ...watchFaults,
  ...status,
  ...sessionFaults,
  ...lockFaults,
  ...lockFaultsHistory,
  ...growth,
];
