import type { Capabilities } from '@kv/core';

/** The longest lease that etcd grants: MaxLeaseTTL in server/lease/lessor.go. */
const longestLeaseMs = 9_000_000_000_000;
/** The longest delay of a timer, less one. Sessions are timed by this process too. */
const longestSessionMs = 2 ** 31 - 2;

/** Of the server, unless --max-request-bytes says otherwise. */
const maxRequestBytes = 1.5 * 1024 * 1024;

/**
 * Leases are granted in whole seconds, and ended by a task that runs every half second. Of a request, 4 KiB are left for its
 * key and the message itself, of a transaction 128 KiB for as many keys as it can have. A put is two operations of a
 * transaction, each with the key: the put, and the read of its creation.
 */
export function capabilitiesOf(shortestLeaseMs: number): Capabilities {
  const lease = { minMs: shortestLeaseMs, latestFactor: 3 };
  return Object.freeze({
    ttl: Object.freeze({ ...lease, maxMs: longestLeaseMs }),
    session: Object.freeze({ ...lease, maxMs: longestSessionMs }),
    maxValueBytes: maxRequestBytes - 4 * 1024,
    transaction: Object.freeze({ maxOperations: 64, maxBytes: maxRequestBytes - 128 * 1024 }),
    watch: 'every-change',
    lock: Object.freeze({ fair: true }),
    compareAndSet: 'exact',
    atomicTrees: true,
  });
}
