import type { CallContext } from '@kv/core';
import { canceled } from './errors.ts';
import type { Servers } from './servers.ts';
import { createSession, destroySession } from './session.ts';

/** Tells the sessions that expire one key from those that users have opened. */
const expiryName = '@kv/consul expiry';

/** How long a request that nobody waits for may take, in milliseconds. */
const patience = 5_000;
/** How long `close` waits for such requests. */
const lastPatience = 1_000;

/**
 * Keys that expire by themselves: each is held by a session of its own that nobody renews. When the key is gone, or is held by
 * another, that session is ended too, behind the call: it holds nothing any more, and would end by itself.
 */
export class Expiry {
  readonly #servers: Servers;
  readonly #ending = new Set<Promise<void>>();

  constructor(servers: Servers) {
    this.#servers = servers;
  }

  /** @returns A session that is to hold one key. */
  async open(ttl: number, call: CallContext): Promise<string> {
    const id = await createSession(this.#servers, ttl, expiryName, call.signal);
    if (!call.signal.aborted) return id;
    this.discard([id]);
    throw canceled();
  }

  /** Ends sessions that `open` returned, and that hold nothing. */
  discard(ids: readonly string[]): void {
    for (const id of ids) this.#behind((signal) => destroySession(this.#servers, id, signal));
  }

  /** Ends those of the sessions that were opened here, or by another store, for a key that they do not hold any more. */
  released(ids: readonly string[]): void {
    for (const id of ids) {
      this.#behind(async (signal) => {
        const session = await this.#servers.request(signal, (client, ctx) =>
          client.session.info({ id, consistent: true, ctx }),
        );
        if (session?.Name === expiryName) await destroySession(this.#servers, id, signal);
      });
    }
  }

  #behind(request: (signal: AbortSignal) => Promise<void>): void {
    const ending = request(AbortSignal.timeout(patience)).catch(() => {});
    this.#ending.add(ending);
    ending.then(() => this.#ending.delete(ending));
  }

  async close(): Promise<void> {
    if (this.#ending.size === 0) return;
    const impatience = Promise.withResolvers<void>();
    const timer = setTimeout(impatience.resolve, lastPatience);
    await Promise.race([Promise.all(this.#ending), impatience.promise]);
    clearTimeout(timer);
  }
}
