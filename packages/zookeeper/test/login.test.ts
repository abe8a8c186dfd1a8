import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { pipeline, Transform } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { openStore, type Store } from '@kv/core';
import { type Address, type Deployment, poll, startServers } from '@kv-tooling/servers';
import { afterAll, beforeAll, test } from 'vitest';
import { type ZooKeeperOptions, zookeeper } from '../src/index.ts';
import { optionsFor } from './harness.ts';

let deployment: Deployment;
let server: Address;
let options: ZooKeeperOptions;

const addressOf = ({ host, port }: Address) => `${host}:${port}`;

beforeAll(async () => {
  deployment = await startServers('zookeeper', { secured: true });
  [server] = deployment.servers as [(typeof deployment.servers)[0]];
  options = { servers: [addressOf(server)], root: 'app', ...optionsFor(deployment) };
});
afterAll(() => deployment.remove());

async function using(changed: Partial<ZooKeeperOptions>, action: (store: Store) => Promise<unknown>): Promise<void> {
  const store = await openStore(zookeeper({ ...options, ...changed }));
  try {
    await action(store);
  } finally {
    await store.close();
  }
}

interface Doorman {
  readonly server: string;
  /** Makes of the scheme by which clients log in one that the server does not know, in connections from now on. */
  refuses: boolean;
  readonly connections: number;
  breakConnections(): void;
}

/** A proxy in front of the server, which makes it refuse credentials. */
async function throughDoorman(action: (doorman: Doorman) => Promise<void>): Promise<void> {
  const sockets = new Set<Socket>();
  let connections = 0;
  const listener = createServer((client) => {
    connections++;
    const rename = new Transform({
      transform(bytes: Buffer, _, done) {
        const sent = bytes.toString('latin1').replaceAll('\0\0\0\x06digest', '\0\0\0\x06nobody');
        done(null, Buffer.from(sent, 'latin1'));
      },
    });
    const upstream = connect(server.port, server.host);
    for (const socket of [client, upstream]) sockets.add(socket);
    pipeline([client, ...(doorman.refuses ? [rename] : []), upstream], () => {});
    pipeline(upstream, client, () => {});
  });
  await once(listener.listen(0, '127.0.0.1'), 'listening');
  const doorman = {
    server: addressOf({ host: '127.0.0.1', port: (listener.address() as AddressInfo).port }),
    refuses: true,
    get connections() {
      return connections;
    },
    breakConnections() {
      for (const socket of sockets) socket.destroy();
    },
  };
  try {
    await action(doorman);
  } finally {
    listener.close();
    doorman.breakConnections();
  }
}

/** All that an ensemble can tell of a wrong password: no list names who has it. */
test('keys that belong to another user are refused in every call, and a watch of them ends', async () => {
  await using({}, (store) => store.put('a', 'value'));
  await using({ login: { user: 'app', password: 'wrong' } }, async (store) => {
    const denied = { code: 'KV_PERMISSION_DENIED' };
    await assert.rejects(store.get('a'), denied);
    await assert.rejects(store.put('a', 'value'), { ...denied, outcome: 'not-applied' });
    await assert.rejects(store.atomicPut('a', 'value', null), { ...denied, outcome: 'not-applied' });
    await assert.rejects(store.list(''), denied);
    await assert.rejects(store.lock('a'), denied);
    for (const watch of [store.watch('a'), store.watchTree('')]) {
      const steps = watch[Symbol.asyncIterator]();
      await assert.rejects(async () => steps.next(), denied);
    }
  });
});

test('nodes are for their creator alone, with those that are made on the way', () =>
  using({}, async (store) => {
    await store.put('private/key', 'value');
    await using({ login: { user: 'other', password: 'other' } }, async (other) => {
      await assert.rejects(other.get('private'), { code: 'KV_PERMISSION_DENIED' });
      await assert.rejects(other.get('private/key'), { code: 'KV_PERMISSION_DENIED' });
    });
    await store.deleteTree('');
  }));

const refused = { code: 'KV_PERMISSION_DENIED', message: /refused the credentials/ };

test('credentials that the server refuses are told at once', () =>
  throughDoorman(async (doorman) => {
    const started = performance.now();
    await assert.rejects(
      using({ servers: [doorman.server] }, async () => {}),
      refused,
    );
    assert(performance.now() - started < 3_000);
  }));

test(
  'credentials that the server refuses later on end watches, and are tried again now and then',
  { timeout: 30_000 },
  () =>
    throughDoorman(async (doorman) => {
      doorman.refuses = false;
      await using({ servers: [doorman.server] }, async (store) => {
        const steps = store.watch('a')[Symbol.asyncIterator]();
        await steps.next();
        doorman.refuses = true;
        const before = doorman.connections;
        doorman.breakConnections();
        await assert.rejects(async () => steps.next(), refused);
        await assert.rejects(store.session(), refused);
        await assert.rejects(store.lock('a'), refused);
        await assert.rejects(store.put('a', 'value'), { ...refused, outcome: 'not-applied' });
        await sleep(2_000);
        const attempts = doorman.connections - before;
        assert(attempts < 20, `${attempts} attempts`);
        doorman.refuses = false;
        await poll('it is let in', async () => (await store.put('a', 'value')).key === 'a');
      });
    }),
);

test('a server that serves only clients which log in turns one away that does not', async () => {
  const { login: _, ...withoutLogin } = options;
  const started = performance.now();
  const error = await openStore(zookeeper(withoutLogin)).catch((error) => error);
  // It hangs up right after its answer, which may be lost by that.
  assert(['KV_PERMISSION_DENIED', 'KV_UNAVAILABLE'].includes(error.code), error);
  assert(performance.now() - started < 3_000);
});

test('sessions end when they are closed, and with their store', () =>
  using({}, async (store) => {
    const session = await store.session({ ttl: 40_000 });
    await store.put('closed', 'value', { session });
    await session.close();
    await store.put('left', 'value', { session: await store.session({ ttl: 40_000 }) });
    await store.close();
    await using({}, async (other) => {
      assert.equal(await other.exists('closed'), false);
      await poll('the key has gone', async () => !(await other.exists('left')), 10_000);
    });
  }));

test('no password is in an error', async () => {
  const secret = 'hush-hush';
  const errors: unknown[] = [];
  await using({}, (store) => store.put('a', 'value'));
  await using({ login: { user: 'app', password: secret } }, async (store) => {
    errors.push(await store.get('a').catch((error) => error));
  });
  await throughDoorman(async ({ server }) => {
    const factory = zookeeper({ ...options, servers: [server], login: { user: 'app', password: secret } });
    errors.push(await openStore(factory).catch((error) => error));
  });
  for (const error of errors) {
    assert(error instanceof Error);
    for (let cause: unknown = error; cause instanceof Error; cause = cause.cause) {
      assert(!`${cause.message}${cause.stack}${JSON.stringify(cause)}`.includes(secret));
    }
  }
});
