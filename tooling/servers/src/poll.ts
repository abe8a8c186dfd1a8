import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Calls `check` until it gives something other than `undefined` or `false`. A check that throws counts as not yet. The
 * error of a time-out has the last one as its cause.
 */
export async function poll<T>(what: string, check: () => Promise<T | undefined | false>, timeout = 30_000): Promise<T> {
  const deadline = performance.now() + timeout;
  let cause: unknown;
  while (performance.now() < deadline) {
    try {
      const found = await check();
      if (found !== undefined && found !== false) return found;
      cause = undefined;
    } catch (error) {
      cause = error;
    }
    await sleep(20);
  }
  throw new Error(`${what}: not within ${timeout} ms`, { cause });
}
