import { setTimeout as delay } from 'node:timers/promises';
import { KvError } from '@kv/core';

/** The longest pause between two tries, in milliseconds. */
export const longestPause = 2_000;
const firstPause = 25;

/** Whether the same thing, tried again later, may work: no server answered, or a session went meanwhile. */
export function isOutage(error: unknown): boolean {
  return KvError.is(error, 'KV_UNAVAILABLE') || KvError.is(error, 'KV_TIMEOUT') || KvError.is(error, 'KV_SESSION_LOST');
}

/** Tries until it works, through outages however long they are. It must do no harm to try twice. */
export async function persist<T>(attempt: () => Promise<T>, signal?: AbortSignal): Promise<T> {
  for (let failures = 1; ; failures++) {
    try {
      return await attempt();
    } catch (error) {
      if (!isOutage(error)) throw error;
    }
    await pause(failures, signal);
  }
}

/** Waits before try number `attempt` (from 1): longer each time, and at random, so that not all come back together. */
export function pause(attempt: number, signal?: AbortSignal): Promise<void> {
  return sleep(Math.random() * Math.min(longestPause, firstPause * 2 ** attempt), signal);
}

/** Node.js does not wait at all where it is to wait for longer, in milliseconds. */
const longestTimer = 2 ** 31 - 1;

/** Rejects with `signal.reason` when the signal aborts. */
export async function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  await delay(Math.min(ms, longestTimer), undefined, signal === undefined ? {} : { signal }).catch(() =>
    signal?.throwIfAborted(),
  );
}
