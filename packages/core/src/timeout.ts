import { KvError } from './error.ts';

/** The longest delay that a timer of Node.js takes, in milliseconds. */
const longestTimer = 2 ** 31 - 1;

/** @throws {KvError} `KV_INVALID_ARGUMENT`. */
export function checkTimeout(timeout: number): number {
  if (timeout > 0 && timeout <= longestTimer) return timeout;
  throw new KvError(
    'KV_INVALID_ARGUMENT',
    `\`timeout\` must be more than 0 and at most ${longestTimer} ms, not ${timeout}`,
    {
      outcome: 'not-applied',
    },
  );
}
