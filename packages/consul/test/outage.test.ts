import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { pipeline } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { openStore, type Store } from '@kv/core';
import { type Deployment, FaultProxy, freePort, poll, type Server, startServers } from '@kv-tooling/servers';
import { afterAll, afterEach, beforeAll, beforeEach, test } from 'vitest';
import { consul } from '../src/index.ts';

let deployment: Deployment;
let server: Server;
let proxies: FaultProxy[];
let store: Store;
let other: Store;

const text = (value: Uint8Array | undefined) => value && new TextDecoder().decode(value);
const url = ({ host, port }: { host: string; port: number }) => `http://${host}:${port}`;

beforeAll(async () => {
  deployment = await startServers('consul');
  [server] = deployment.servers as [Server];
}, 60_000);
afterAll(() => deployment.remove());

beforeEach(async () => {
  proxies = [await FaultProxy.open(server), await FaultProxy.open(server)];
  const root = randomUUID();
  store = await openStore(consul({ addresses: proxies.map(url), root }), { timeout: 2_000 });
  other = await openStore(consul({ addresses: [url(server)], root }));
});
afterEach(async () => {
  await Promise.all(proxies.map((proxy) => proxy.heal()));
  await Promise.all([store.close(), other.close()]);
  await Promise.all(proxies.map((proxy) => proxy.close()));
});

test('a client whose server never existed is told so at once, and its process exits', { timeout: 30_000 }, async () => {
  const program = fileURLToPath(new URL('./programs/no-server.ts', import.meta.url));
  const { stdout, stderr } = await promisify(execFile)(process.execPath, ['--conditions=@kv/source', program], {
    timeout: 20_000,
  });
  const { code, milliseconds } = JSON.parse(stdout);
  assert.equal(code, 'KV_UNAVAILABLE');
  assert.ok(milliseconds < 5_000, `after ${milliseconds} ms`);
  assert.equal(stderr, '');
});

test('openStore takes the first server that answers', async () => {
  const root = randomUUID();
  const dead = `http://127.0.0.1:${await freePort()}`;
  const opened = await openStore(consul({ addresses: [dead, url(server)], root }));
  await opened.put('a', 'x');
  await opened.close();
  (proxies[0] as FaultProxy).hold();
  const started = performance.now();
  const patient = await openStore(consul({ addresses: proxies.map(url), root }), { timeout: 4_000 });
  assert.ok(performance.now() - started < 3_500);
  assert.equal(text((await patient.get('a'))?.value), 'x');
  await patient.close();
});

test('an IPv6 address is reached', async () => {
  const relay = createServer((client) => {
    const upstream = connect({ host: server.host, port: server.port });
    pipeline(client, upstream, client, () => {});
  });
  await once(relay.listen(0, '::1'), 'listening');
  const opened = await openStore(consul({ addresses: [`http://[::1]:${(relay.address() as AddressInfo).port}`] }));
  assert.equal(await opened.get('none'), undefined);
  await opened.close();
  relay.close();
});

test('calls go on with the next server where one refuses them', async () => {
  await store.put('a', '1');
  await (proxies[0] as FaultProxy).cut();
  await poll('reads and writes', async () => {
    await store.put('a', '2');
    return text((await store.get('a'))?.value) === '2';
  });
  await (proxies[0] as FaultProxy).heal();
  await (proxies[1] as FaultProxy).cut();
  await poll('reads', async () => text((await store.get('a'))?.value) === '2');
});

test('calls go on with the next server where one is silent', async () => {
  await store.put('a', '1');
  (proxies[0] as FaultProxy).hold();
  await assert.rejects(store.get('a', { timeout: 300 }), { code: 'KV_TIMEOUT' });
  assert.equal(text((await store.get('a', { timeout: 1_000 }))?.value), '1');
});

test('a watch notices a silent connection within 10 s, and goes on with the next server', {
  timeout: 30_000,
}, async () => {
  await other.put('a', '1');
  const watch = store.watch('a')[Symbol.asyncIterator]();
  assert.equal(text((await watch.next()).value?.value), '1');
  const started = performance.now();
  (proxies[0] as FaultProxy).hold();
  await other.put('a', '2');
  assert.equal(text((await watch.next()).value?.value), '2');
  assert.ok(performance.now() - started < 10_000, `after ${performance.now() - started} ms`);
  await watch.return?.();
});

test('a held lock survives the restart of its server, and a dead session loses it', { timeout: 60_000 }, async () => {
  const lock = await store.lock('lock', { ttl: 10_000 });
  await server.kill();
  await server.start();
  await poll('the holder is known again', async () => (await other.lockHolder('lock'))?.token === lock.token);
  assert.equal(lock.lost.aborted, false);
  await Promise.all(proxies.map((proxy) => proxy.cut()));
  await poll('the lock is lost', async () => lock.lost.aborted, 12_000);
});

test('close does not wait for a frozen server, and ends what waits', { timeout: 30_000 }, async () => {
  const frozen = await openStore(consul({ addresses: [url(server)], root: randomUUID() }), { timeout: 1_000 });
  const watch = frozen.watch('a')[Symbol.asyncIterator]();
  await watch.next();
  await frozen.put('b', 'x', { ttl: 10_000 });
  const pending = watch.next();
  await server.freeze();
  try {
    const started = performance.now();
    await frozen.close();
    assert.ok(performance.now() - started < 4_000, `after ${performance.now() - started} ms`);
    assert.deepEqual(await pending, { done: true, value: undefined });
  } finally {
    await server.thaw();
  }
});

test('a burst takes no more than 64 connections, and watches have others', { timeout: 30_000 }, async () => {
  const [proxy] = proxies as [FaultProxy];
  const before = proxy.counts.connections;
  const put = (i: number) => store.put(`burst/${i % 10}`, `${i}`, { timeout: 20_000 });
  await Promise.all(Array.from({ length: 500 }, (_, i) => put(i)));
  assert.ok(proxy.counts.connections - before <= 64, `${proxy.counts.connections - before} connections`);
  const watches = Array.from({ length: 140 }, (_, i) => store.watch(`watched/${i}`)[Symbol.asyncIterator]());
  await Promise.all(watches.map((watch) => watch.next()));
  await store.put('watched/139', 'x');
  assert.equal(text((await (watches[139] as (typeof watches)[0]).next()).value?.value), 'x');
  await Promise.all(watches.map((watch) => watch.return?.()));
});
