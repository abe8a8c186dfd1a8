import type { CallContext, DriverSession } from '@kv/core';
import { canceled, onStatus, sessionLost, unavailable } from './errors.ts';
import type { Servers } from './servers.ts';

/** How long the server's answer is waited for, in milliseconds, when the caller has given up, to know what is to be closed. */
const grace = 5_000;

const sessionName = '@kv/consul session';

/**
 * Creates a session at the server, of which nothing but its time to live decides: without the health check of the agent's
 * node, which is there by default, and without lock-delay, since owners measure with their own clocks.
 */
export async function createSession(servers: Servers, ttl: number, name: string, signal: AbortSignal): Promise<string> {
  if (signal.aborted) throw canceled();
  const late = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const onAbort = () => {
    timer = setTimeout(() => late.abort(signal.reason), grace);
  };
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    const { ID } = await servers.request(late.signal, (client, ctx) =>
      // As text: the client library ignores a lock-delay that is the number 0.
      client.session.create({ name, ttl: `${ttl}ms`, behavior: 'delete', lockdelay: '0s', checks: [], ctx }),
    );
    return ID;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', onAbort);
  }
}

/** No error where there is none. */
export async function destroySession(servers: Servers, id: string, signal: AbortSignal): Promise<void> {
  await servers.request(signal, (client, ctx) => client.session.destroy({ id, ctx }));
}

export async function openSession(servers: Servers, ttl: number, call: CallContext): Promise<DriverSession> {
  const id = await createSession(servers, ttl, sessionName, call.signal);
  let isGone = false;
  return {
    id,
    ttl,
    renew: async ({ signal }) => {
      const known = await servers.request(signal, (client, ctx) =>
        client.session.renew({ id, ctx }).then(
          () => true,
          onStatus(404, () => false),
        ),
      );
      if (known) return;
      // A leader that was just elected says so too, of sessions that it has yet to read from its log. A consistent read waits.
      const session = await servers.request(signal, (client, ctx) =>
        client.session.info({ id, consistent: true, ctx }),
      );
      if (session !== undefined) throw unavailable('the leader has yet to learn of the session', 'not-applied');
      isGone = true;
      throw sessionLost('the server does not know the session any more');
    },
    close: async ({ signal }) => {
      if (!isGone) await destroySession(servers, id, signal);
    },
  };
}
