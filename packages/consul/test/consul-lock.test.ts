import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { openStore, type Store } from '@kv/core';
import { consulCall, poll } from '@kv-tooling/servers';
import { afterAll, beforeAll, inject, test } from 'vitest';
import { consul } from '../src/index.ts';
import { ConsulLockCommand, findConsul } from './consul-program.ts';

const server = inject('servers').consul ?? { host: '', port: 0 };
const root = randomUUID();
let store: Store;
let program: string;

beforeAll(async () => {
  store = await openStore(consul({ addresses: [`http://${server.host}:${server.port}`], root }));
  program = await findConsul();
}, 60_000);
afterAll(() => store.close());

test('who holds the lock keeps `consul lock` out, and hands over on release', { timeout: 30_000 }, async () => {
  const lock = await store.lock('a', { value: 'us' });
  const command = new ConsulLockCommand(program, server, `${root}/a`, '-verbose');
  try {
    await poll('consul lock tries', async () => command.output.includes('Attempting lock acquisition'));
    const refused = new ConsulLockCommand(program, server, `${root}/a`, '-try=1s');
    await poll('consul lock gives up', async () => refused.hasExited);
    assert.equal(refused.holds || command.holds, false);
    await lock.release();
    await poll('consul lock holds', async () => command.holds);
    assert.equal(await store.tryLock('a'), undefined);
    const holder = await store.lockHolder('a');
    assert.ok(holder !== undefined && holder.token > lock.token);
  } finally {
    await command.interrupt();
  }
});

test('`consul lock` keeps a waiter out, and hands over when it ends', { timeout: 30_000 }, async () => {
  const command = new ConsulLockCommand(program, server, `${root}/b`);
  try {
    await poll('consul lock holds', async () => command.holds);
    const { token: before } = (await store.lockHolder('b')) ?? { token: 0n };
    assert.equal(await store.tryLock('b'), undefined);
    let held = false;
    const waiting = store.lock('b').then((lock) => {
      held = true;
      return lock;
    });
    await assert.rejects(store.lock('b', { wait: 500 }), { code: 'KV_TIMEOUT' });
    assert.equal(held, false);
    await command.interrupt();
    const lock = await waiting;
    assert.ok(lock.token > before);
    assert.equal(
      (await store.transaction({ if: [lock.condition], then: [{ type: 'put', key: 'guarded', value: '' }] })).committed,
      true,
    );
    await lock.release();
  } finally {
    await command.interrupt();
  }
});

test('a semaphore of `consul lock -n 2` at the same key is refused, and left as it is', {
  timeout: 30_000,
}, async () => {
  const command = new ConsulLockCommand(program, server, `${root}/c`, '-n=2');
  try {
    await poll('consul lock holds', async () => command.holds);
    await assert.rejects(store.lock('c'), { code: 'KV_INVALID_ARGUMENT' });
    assert.equal(command.hasExited, false);
  } finally {
    await command.interrupt();
  }
});

test('a lock that an operator takes away is lost', { timeout: 30_000 }, async () => {
  const lock = await store.lock('d');
  const [pair] = JSON.parse((await consulCall(server, {}, 'GET', `/v1/kv/${root}/d/.lock`)).body);
  await consulCall(server, {}, 'PUT', `/v1/kv/${root}/d/.lock?release=${pair.Session}`);
  await poll('the lock is lost', async () => lock.lost.aborted);
  assert.equal(
    (await store.transaction({ if: [lock.condition], then: [{ type: 'put', key: 'guarded', value: '' }] })).committed,
    false,
  );
  await lock.release();
});

test('a lock that is under lock-delay is not tried for ever, and is waited for', { timeout: 30_000 }, async () => {
  const { body } = await consulCall(server, {}, 'PUT', '/v1/session/create', '{"Behavior":"delete","LockDelay":"2s"}');
  const { ID } = JSON.parse(body);
  await consulCall(server, {}, 'PUT', `/v1/kv/${root}/e/.lock?acquire=${ID}&flags=3304740253564472344`, 'theirs');
  await consulCall(server, {}, 'PUT', `/v1/session/destroy/${ID}`);
  assert.equal(await store.tryLock('e'), undefined);
  const lock = await store.lock('e');
  await lock.release();
});
