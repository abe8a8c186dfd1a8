import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { openStore, type Store, text } from '@kv/core';
import { type Address, type Deployment, FaultProxy, poll, startServers } from '@kv-tooling/servers';
import { afterAll, beforeAll, test } from 'vitest';
import { etcd } from '../src/index.ts';

let deployment: Deployment;

beforeAll(async () => {
  deployment = await startServers('etcd', { size: 3 });
}, 120_000);
afterAll(() => deployment.remove());

type Server = Deployment['servers'][0];

function endpointsOf(addresses: readonly Address[]): string[] {
  return addresses.map(({ host, port }) => `http://${host}:${port}`);
}

/** Calls, a watch and a session must go on while `fault` is in effect for the server that the store uses. */
async function goesOn(server: Server, fault: () => Promise<() => Promise<void>>): Promise<void> {
  const root = randomUUID();
  const others = deployment.servers.filter((each) => each !== server);
  // The store uses the server that answers first: the others are behind a slow link.
  const proxies = await Promise.all(others.map((each) => FaultProxy.open(each)));
  for (const proxy of proxies) proxy.slow({ latency: 50 });
  const [hit, other] = await Promise.all([
    openStore(etcd({ endpoints: endpointsOf([server, ...proxies]), root }), { codec: text() }),
    openStore(etcd({ endpoints: endpointsOf(others), root }), { codec: text() }),
  ]);
  const seen: (string | undefined)[] = [];
  const ended = new AbortController();
  const iterator = hit.watch('key', { signal: ended.signal })[Symbol.asyncIterator]();
  await iterator.next();
  const watching = (async () => {
    for (let step = await iterator.next(); !step.done; step = await iterator.next()) seen.push(step.value?.value);
  })();
  try {
    const session = await hit.session({ ttl: 30_000 });
    await hit.put('member', '', { session });
    const heal = await fault();
    try {
      for (let i = 0; i < 10; i++) await written(other, 'key', String(i));
      assert.equal((await hit.get('key', { timeout: 30_000 }))?.value, '9');
      await poll('the watch has every change', async () => seen.at(-1) === '9');
      assert.deepEqual(
        seen,
        Array.from({ length: 10 }, (_, i) => String(i)),
      );
      await written(hit, 'key', '10');
      assert.equal(await other.exists('member'), true);
      assert.equal(session.lost.aborted, false);
    } finally {
      await heal();
    }
    await session.close();
  } finally {
    ended.abort();
    await watching;
    await Promise.all([hit.close(), other.close()]);
    await Promise.all(proxies.map((proxy) => proxy.close()));
  }
}

/** Puts until the server has said that it is done: writing the same twice does no harm here, and shows as one change. */
async function written(store: Store<string>, key: string, value: string): Promise<void> {
  await poll(`${key} is ${value}`, async () => {
    if ((await store.get(key))?.value === value) return true;
    await store.put(key, value, { timeout: 10_000 });
    return true;
  });
}

test('the leader is killed', { timeout: 120_000 }, async () => {
  const leader = await deployment.leader();
  await goesOn(leader, async () => {
    await leader.kill();
    return () => leader.start();
  });
});

test('the leader is frozen', { timeout: 120_000 }, async () => {
  const leader = await deployment.leader();
  await goesOn(leader, async () => {
    await leader.freeze();
    return () => leader.thaw();
  });
});

test('the leader is cut off from the others, and still answers its clients', { timeout: 120_000 }, async ({ skip }) => {
  if (!deployment.faults.isolate) skip('servers in processes cannot be cut off from each other');
  const leader = await deployment.leader();
  await goesOn(leader, async () => {
    await deployment.isolate(leader);
    return () => deployment.rejoin(leader);
  });
});

test('stale reads go on without a majority, and all else is unavailable', { timeout: 120_000 }, async () => {
  const root = randomUUID();
  const [first, second, third] = deployment.servers as [Server, Server, Server];
  const [store, remaining] = (await Promise.all(
    [deployment.servers, [first]].map((servers) =>
      openStore(etcd({ endpoints: endpointsOf(servers), root }), { codec: text() }),
    ),
  )) as [Store<string>, Store<string>];
  const isThere = async (from: Store<string>) => (await from.get('key', { consistency: 'stale' }))?.value === 'value';
  try {
    await store.put('key', 'value');
    // A majority had it when it was acknowledged: not yet this one.
    await poll('the server that remains has it', () => isThere(remaining));
    await Promise.all([second.kill(), third.kill()]);
    await poll('a stale read is answered', () => isThere(store));
    await assert.rejects(store.put('key', 'other', { timeout: 3_000 }), (error: { code: string }) =>
      ['KV_UNAVAILABLE', 'KV_TIMEOUT'].includes(error.code),
    );
  } finally {
    await Promise.all([second.start(), third.start()]);
    await Promise.all([store.close(), remaining.close()]);
  }
});
