import { KvError } from '../error.ts';
import { sleep } from '../sleep.ts';

/** Calls `work` again and again until `disturb` is over, and then once more. */
export async function during(
  disturb: () => Promise<unknown>,
  signal: AbortSignal,
  work: () => Promise<void>,
): Promise<void> {
  let over = false;
  const disturbed = disturb().finally(() => {
    over = true;
  });
  const working = (async () => {
    while (!over) {
      await work();
      await sleep(2, signal);
    }
    await work();
  })();
  await Promise.all([disturbed, working]);
}

/** What a write says that could not reach the server, or of which no answer came. */
export function assertOutage(error: unknown): asserts error is KvError {
  if (!KvError.is(error)) throw error;
  if (!KvError.is(error, 'KV_UNAVAILABLE') && !KvError.is(error, 'KV_TIMEOUT')) throw error;
}
