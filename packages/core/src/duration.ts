import { KvError } from './error.ts';

/** The longest delay that a timer of Node.js takes, in milliseconds. */
export const longestTimer = 2 ** 31 - 1;

/** @throws {KvError} `KV_INVALID_ARGUMENT`. */
export function checkDuration(name: string, duration: number, longest = longestTimer): number {
  if (typeof duration === 'number' && duration > 0 && duration <= longest) return duration;
  throw new KvError(
    'KV_INVALID_ARGUMENT',
    `\`${name}\` must be more than 0 and at most ${longest} ms, not ${duration}`,
    {
      outcome: 'not-applied',
    },
  );
}
