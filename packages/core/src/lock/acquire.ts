import type { Connection } from '../connection.ts';
import type { DriverLock } from '../driver.ts';
import { checkDuration } from '../duration.ts';
import { KvError } from '../error.ts';
import { openSession } from '../open-session.ts';
import { Session } from '../session.ts';
import type { Condition } from '../transaction.ts';
import type { View } from '../view.ts';
import { Lock, type LockOptions } from './lock.ts';
import { QueueLock } from './queue-lock.ts';

const encoder = new TextEncoder();

export function driverLock(connection: Connection): DriverLock {
  return connection.driver.lock ?? new QueueLock(connection);
}

/** A lock with a session of its own, which ends with it. `undefined` from `tryLock` if it is held. */
export async function acquire(
  view: View<unknown, never>,
  operation: 'lock' | 'tryLock',
  key: string,
  { value = '', wait, signal, ...options }: LockOptions,
): Promise<Lock | undefined> {
  const { connection } = view;
  const name = view.call(operation, key, true);
  const timeout = connection.timeoutOf(name, options);
  if (wait !== undefined) view.within(name, () => checkDuration('wait', wait));
  const session = await openSession(connection, name, { ...options, signal });
  const impatience = new AbortController();
  const timer = wait === undefined ? undefined : setTimeout(() => impatience.abort(heldError(wait)), wait);
  const giveUp = AbortSignal.any(
    [signal, impatience.signal, session.lost, connection.closing.signal].filter((any) => any !== undefined),
  );
  let lock: Lock | undefined;
  try {
    const request = {
      key: name.storedKey,
      value: encoder.encode(value),
      session: Session.stored(session, connection),
      wait: operation === 'lock',
    };
    const acquiring = driverLock(connection).acquire(request, { signal: giveUp, timeout });
    const hold = await untilAborted(acquiring, giveUp);
    if (hold === undefined) {
      // Its place in the queue would be in the way of whoever tries next.
      await session.close().catch(() => {});
    } else {
      const condition = { ...hold.condition, key: view.keyOf(hold.condition.key) } as Condition;
      lock = new Lock(connection, name.key, condition, session, hold);
    }
    return lock;
  } catch (error) {
    if (signal?.aborted && error === signal.reason) throw error;
    throw connection.tell(error, name);
  } finally {
    clearTimeout(timer);
    // With the session goes whatever the attempt has left in the queue. Nobody waits for a server that may be away.
    if (lock === undefined) connection.background(session.close());
  }
}

function untilAborted<T>(pending: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    pending.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}

function heldError(wait: number): KvError {
  return new KvError('KV_TIMEOUT', `the lock was still held by others after ${wait} ms`, {
    retryable: true,
    outcome: 'not-applied',
  });
}
