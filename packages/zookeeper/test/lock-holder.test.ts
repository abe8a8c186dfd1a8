import { expect, test } from 'vitest';
import type { Connection, Stat } from '../src/connection.ts';
import { Keyspace } from '../src/keyspace.ts';
import type { Link } from '../src/link.ts';
import { CuratorLock } from '../src/lock.ts';

test('a lock that has changed hands since its queue was read is not said to be free', async () => {
  const queues = [['_c_a-lock-0000000001'], ['_c_b-lock-0000000002']];
  const connection: Partial<Connection> = {
    children: async () => queues.shift(),
    // The first one leaves before it is read, after the second one has come.
    read: async (path) =>
      path.endsWith('2') ? { stat: { czxid: 7 } as Stat, data: new TextEncoder().encode('b') } : undefined,
  };
  const link: Partial<Link> = { alone: true, ready: async () => connection as Connection };
  const lock = new CuratorLock(link as Link, new Keyspace('/app'));
  const call = { signal: new AbortController().signal, deadline: performance.now() + 10_000 };
  expect(await lock.holder('key', call)).toEqual({ value: new TextEncoder().encode('b'), token: 7n });
});
