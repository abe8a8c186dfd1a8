/*
 * Two clocks, for two lifetimes.
 *
 * A `ttl` has to survive a reboot, so it is measured on the wall clock: milliseconds since the epoch.
 *
 * A session must not, and a step of the wall clock must neither end it nor keep it. It is measured on the monotonic clock
 * of the machine (CLOCK_MONOTONIC, mach_absolute_time, QueryPerformanceCounter), which starts anew with each boot and is
 * the same for all processes: `process.hrtime` reads that clock without an offset of the process, `performance.now` does not.
 */

export function wallNow(): number {
  return Date.now();
}

/** Milliseconds, with a fraction. */
export function monotonicNow(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1_000 + nanoseconds / 1e6;
}
