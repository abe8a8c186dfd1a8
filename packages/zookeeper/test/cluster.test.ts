import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { openStore, type Store, text } from '@kv/core';
import { type Address, type Deployment, FaultProxy, poll, startServers } from '@kv-tooling/servers';
import { afterAll, beforeAll, test } from 'vitest';
import { zookeeper } from '../src/index.ts';
import { optionsFor } from './harness.ts';

type Server = Deployment['servers'][0];

let deployment: Deployment;

beforeAll(async () => {
  deployment = await startServers('zookeeper', { size: 3, secured: true });
}, 120_000);
afterAll(() => deployment.remove());

function open(servers: readonly Address[], root: string): Promise<Store<string>> {
  const addresses = servers.map(({ host, port }) => `${host}:${port}`);
  return openStore(zookeeper({ servers: addresses, root, ...optionsFor(deployment) }), { codec: text() });
}

/** Puts until the server has said that it is done: writing the same twice does no harm here. */
async function written(store: Store<string>, key: string, value: string): Promise<void> {
  await poll(`${key} is ${value}`, async () => {
    if ((await store.get(key))?.value !== value) await store.put(key, value);
    return true;
  });
}

/** Calls, a watch, a lock and a session must go on while `fault` is in effect for the server that the store uses. */
async function goesOn(server: Server, fault: () => Promise<() => Promise<void>>): Promise<void> {
  const root = `app/${randomUUID()}`;
  const others = deployment.servers.filter((each) => each !== server);
  const proxies = await Promise.all(others.map((each) => FaultProxy.open(each)));
  // The client takes any server that answers: at first, one does.
  await Promise.all(proxies.map((proxy) => proxy.cut()));
  const [hit, other] = await Promise.all([open([server, ...proxies], root), open(others, root)]);
  await Promise.all(proxies.map((proxy) => proxy.heal()));
  const seen: number[] = [];
  const ended = new AbortController();
  const steps = hit.watch('key', { signal: ended.signal })[Symbol.asyncIterator]();
  await steps.next();
  const watching = (async () => {
    for (let step = await steps.next(); !step.done; step = await steps.next()) seen.push(Number(step.value?.value));
  })();
  try {
    const session = await hit.session({ ttl: 30_000 });
    await hit.put('member', '', { session });
    const lock = await hit.lock('lock', { ttl: 30_000 });
    const heal = await fault();
    try {
      for (let i = 0; i < 10; i++) await written(other, 'key', String(i));
      assert.equal((await hit.get('key', { timeout: 30_000 }))?.value, '9');
      await poll('the watch has the last state', async () => seen.at(-1) === 9);
      await written(hit, 'key', '10');
      await poll('the watch has the last state', async () => seen.at(-1) === 10);
      assert.deepEqual(
        seen,
        [...new Set(seen)].sort((a, b) => a - b),
        'a state is older than the one before',
      );
      assert.equal(await other.exists('member'), true);
      assert.equal(await other.tryLock('lock'), undefined);
      assert.equal(session.lost.aborted || lock.lost.aborted, false);
    } finally {
      await heal();
    }
    await lock.release();
    await session.close();
    assert.equal(await other.exists('member'), false);
  } finally {
    ended.abort();
    await watching;
    await Promise.all([hit.close(), other.close()]);
    await Promise.all(proxies.map((proxy) => proxy.close()));
  }
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

test('the leader is cut off from the others, and still reached by its clients', { timeout: 120_000 }, async ({
  skip,
}) => {
  if (!deployment.faults.isolate) skip('servers in processes cannot be cut off from each other');
  const leader = await deployment.leader();
  await goesOn(leader, async () => {
    await deployment.isolate(leader);
    return () => deployment.rejoin(leader);
  });
});

test('without a majority all is unavailable, and it comes back with it', { timeout: 120_000 }, async () => {
  const store = await open(deployment.servers, `app/${randomUUID()}`);
  const [, second, third] = deployment.servers as [Server, Server, Server];
  try {
    await store.put('key', 'value');
    await Promise.all([second.kill(), third.kill()]);
    for (const call of [
      () => store.put('key', 'other', { timeout: 3_000 }),
      () => store.get('key', { timeout: 3_000 }),
    ]) {
      await assert.rejects(call, (error: { code: string }) => ['KV_UNAVAILABLE', 'KV_TIMEOUT'].includes(error.code));
    }
  } finally {
    await Promise.all([second.start(), third.start()]);
  }
  await poll('it is back', async () => (await store.get('key'))?.value !== undefined);
  await store.close();
});

test('a server that lags behind the others answers no call from what it had', { timeout: 120_000 }, async () => {
  const root = `app/${randomUUID()}`;
  const leader = await deployment.leader();
  const [first, second] = deployment.servers.filter((each) => each !== leader) as [Server, Server];
  const [writer, other] = await Promise.all([open([first], root), open([second], root)]);
  const [session, own] = await Promise.all([writer.session({ ttl: 30_000 }), other.session({ ttl: 30_000 })]);
  const bound = (key: string, value: string) => writer.put(key, value, { session });
  for (let i = 0; i < 5; i++) {
    const value = String(i);
    await Promise.all(['a', 'b', 'c'].map((key) => bound(key, 'before')));
    await second.freeze();
    const calls: Promise<unknown>[] = [];
    try {
      const [a, b, c] = await Promise.all([bound('a', value), bound('b', value), bound('c', value)]);
      await Promise.all(Array.from({ length: 20 }, (_, n) => writer.put(`tree/${n}`, value)));
      // When it goes on, it has these before it, and what the others have done meanwhile.
      calls.push(
        other.atomicDelete('a', a),
        other.atomicPut('b', 'after', b),
        other.atomicPut('c', 'after', c, { session: own }),
        other.deleteTree('tree'),
      );
    } finally {
      await second.thaw();
    }
    await Promise.all(calls);
    assert.deepEqual(await writer.list('', { keysOnly: true }), ['b', 'c']);
  }
  await Promise.all([writer.close(), other.close()]);
});
