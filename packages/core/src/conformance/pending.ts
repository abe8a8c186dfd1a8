import { sleep } from '../sleep.ts';

/** `promise`, whose rejection nobody has to handle if the case fails before. */
export function quiet<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {});
  return promise;
}

/** Whether a promise has not settled after `ms` milliseconds: a proof of absence, and the only reason to sleep. */
export async function stillPending(promise: Promise<unknown>, ms: number): Promise<boolean> {
  const waited = sleep(ms).then(() => true);
  const settled = promise.then(
    () => false,
    () => false,
  );
  return Promise.race([waited, settled]);
}
