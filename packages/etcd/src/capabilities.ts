import type { Capabilities } from '@kv/core';

/** The longest lease that etcd grants: MaxLeaseTTL in server/lease/lessor.go. */
const longestLeaseMs = 9_000_000_000_000;
/** The longest delay of a timer, less one. Sessions are timed by this process too. */
const longestSessionMs = 2 ** 31 - 2;

/**
 * Leases are granted in whole seconds, and ended by a task that runs every half second. A request is limited to 1.5 MiB
 * (--max-request-bytes), of which 4 KiB are left for keys and the message itself. A put is two operations of a transaction:
 * the put, and the read of its creation.
 */
export function capabilitiesOf(shortestLeaseMs: number): Capabilities {
  const lease = { minMs: shortestLeaseMs, latestFactor: 3 };
  return Object.freeze({
    ttl: Object.freeze({ ...lease, maxMs: longestLeaseMs }),
    session: Object.freeze({ ...lease, maxMs: longestSessionMs }),
    maxValueBytes: 1.5 * 1024 * 1024 - 4096,
    transaction: Object.freeze({ maxOperations: 64 }),
    watch: 'every-change',
    lock: Object.freeze({ fair: true }),
    compareAndSet: 'exact',
    atomicTrees: true,
  });
}
