/**
 * How long to wait before asking again for a lock that another process holds, in milliseconds: so short that hundreds of
 * commits fit into a deadline, and random, so that those who wait do not all ask at the same time.
 */
export function lockPause(): number {
  return 1 + 3 * Math.random();
}
