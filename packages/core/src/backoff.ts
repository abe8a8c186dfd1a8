const firstMs = 25;
const longestMs = 2_000;

/**
 * How long to wait before try number `attempt` (from 1), in milliseconds: exponential, with full jitter, so that clients
 * that failed together do not come back together.
 */
export function backoff(attempt: number): number {
  return Math.random() * Math.min(longestMs, firstMs * 2 ** attempt);
}
