import { type CallContext, type DriverSession, KvError, type Lifetime } from '@kv/core';
import type { Client } from './client.ts';
import type { RequestContext } from './endpoint.ts';
import { kvError } from './errors.ts';

/** A lease that the server has granted. */
export interface Lease {
  /** As the server's messages have it: decimal. */
  readonly id: string;
  /** Milliseconds. */
  readonly ttl: number;
}

/** How long the revocation of a lease that nobody waits for may take, in milliseconds. `close` waits for it. */
const discardTimeout = 1_000;

/** Leases of one store: those of sessions, and those of keys with a time to live of their own. */
export class Leases {
  readonly #client: Client;
  readonly #discarding = new Set<Promise<void>>();

  constructor(client: Client) {
    this.#client = client;
  }

  /** The server counts in seconds, and has a minimum: what is granted may be longer than what was asked for. */
  async grant(ttl: number, deadline: number): Promise<Lease> {
    // Not to be cancelled: a lease that comes of it must be known, so that it can be revoked.
    const { ID, TTL } = await this.#client.send('leaseGrant', { TTL: Math.ceil(ttl / 1000) }, { deadline });
    return { id: ID, ttl: Number(TTL) * 1000 };
  }

  /** Ends a lease and removes its keys. Not an error if it has ended already. */
  async revoke(id: string, context: RequestContext): Promise<void> {
    try {
      await this.#client.send('leaseRevoke', { ID: id }, context);
    } catch (error) {
      if (!KvError.is(error, 'KV_SESSION_LOST')) throw error;
    }
  }

  /** Makes the server count from now again. @throws `KV_SESSION_LOST` if the lease has ended. */
  async keepAlive(id: string, { signal, deadline }: CallContext): Promise<void> {
    const route = await this.#client.route();
    signal.throwIfAborted();
    await new Promise<void>((resolve, reject) => {
      const stream = route.endpoint.keepAlive(route.headers.requireLeader, deadline);
      const cancel = () => stream.cancel();
      signal.addEventListener('abort', cancel, { once: true });
      const finish = () => signal.removeEventListener('abort', cancel);
      stream.on('data', ({ TTL }) => {
        finish();
        if (Number(TTL) > 0) resolve();
        else reject(lostError());
      });
      stream.on('error', (error) => {
        finish();
        this.#client.streamFailed(route, error);
        reject(kvError(error));
      });
      stream.on('end', () => {
        finish();
        reject(new KvError('KV_UNAVAILABLE', 'the server has not confirmed the renewal', { retryable: true }));
      });
      stream.write({ ID: id });
      stream.end();
    });
  }

  async openSession(ttl: number, call: CallContext): Promise<LeaseSession> {
    return new LeaseSession(this, await this.grant(ttl, call.deadline));
  }

  /**
   * Does a write with the leases that its lifetimes need: for each lifetime the lease, or none. Leases that were granted for
   * the write are revoked if it surely was not applied.
   */
  async write<T>(
    lifetimes: readonly Lifetime[],
    call: CallContext,
    send: (leases: readonly (Lease | undefined)[]) => Promise<T>,
    applied: (result: T) => boolean = () => true,
  ): Promise<T> {
    const granted = new Map<number, Lease>();
    let mayBeApplied = false;
    try {
      for (const { ttl } of lifetimes) {
        if (ttl !== undefined && !granted.has(ttl)) granted.set(ttl, await this.grant(ttl, call.deadline));
      }
      if (granted.size > 0) call.signal.throwIfAborted();
      const result = await send(
        lifetimes.map(({ ttl, session }) => (ttl === undefined ? leaseOf(session) : granted.get(ttl))),
      );
      mayBeApplied = applied(result);
      return result;
    } catch (error) {
      mayBeApplied = KvError.is(error) && error.outcome === 'unknown';
      throw error;
    } finally {
      if (!mayBeApplied) for (const { id } of granted.values()) this.#discard(id);
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.#discarding);
  }

  /** A lease that cannot be revoked ends by itself. */
  #discard(id: string): void {
    const context = { deadline: performance.now() + discardTimeout };
    const discarding = this.revoke(id, context)
      .catch(() => {})
      .finally(() => this.#discarding.delete(discarding));
    this.#discarding.add(discarding);
  }
}

export class LeaseSession implements DriverSession {
  /** The lease's number as etcd's tools print it: hexadecimal. */
  readonly id: string;
  readonly lease: Lease;
  readonly #leases: Leases;
  #isGone = false;

  constructor(leases: Leases, lease: Lease) {
    this.#leases = leases;
    this.lease = lease;
    this.id = BigInt(lease.id).toString(16);
  }

  get ttl(): number {
    return this.lease.ttl;
  }

  async renew(call: CallContext): Promise<void> {
    try {
      await this.#leases.keepAlive(this.lease.id, call);
    } catch (error) {
      this.#isGone = KvError.is(error, 'KV_SESSION_LOST');
      throw error;
    }
  }

  async close(call: CallContext): Promise<void> {
    if (!this.#isGone) await this.#leases.revoke(this.lease.id, call);
  }
}

/** The lease behind a session of this driver. */
export function leaseOf(session: DriverSession | undefined): Lease | undefined {
  return session === undefined ? undefined : (session as LeaseSession).lease;
}

function lostError(): KvError {
  return new KvError('KV_SESSION_LOST', 'the lease has ended', { outcome: 'not-applied' });
}
