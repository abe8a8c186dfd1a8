import assert from 'node:assert/strict';
import { openStore } from '@kv/core';
import { poll } from '@kv-tooling/servers';
import { afterAll, beforeAll, inject, test } from 'vitest';
import { etcd } from '../src/index.ts';
import { Etcdctl } from './etcdctl.ts';

const server = inject('servers').etcd;
if (server === undefined) throw new Error('no server was started for this file');
const etcdctl = await Etcdctl.find(server);
const endpoints = [`http://${server.host}:${server.port}`];
let store: Awaited<ReturnType<typeof openStore>>;

beforeAll(async () => {
  store = await openStore(etcd({ endpoints, root: 'etcdctl' }));
});
afterAll(() => store.close());

/** How many keys are below a lock: the holder and those that wait. */
async function queueLength(name: string): Promise<number> {
  const keys = await etcdctl.run('get', '--prefix', '--keys-only', `etcdctl/${name}/`);
  return keys.split('\n').filter((line) => line !== '').length;
}

test('etcdctl lock waits for a lock of ours', async () => {
  const lock = await store.lock('ours', { value: 'host-7' });
  const other = etcdctl.start('lock', 'etcdctl/ours');
  try {
    await poll('etcdctl waits', async () => (await queueLength('ours')) === 2);
    assert.equal(other.output, '');
    assert.equal(await store.tryLock('ours'), undefined);
    await lock.release();
    await poll('etcdctl has the lock', async () => other.output.startsWith('etcdctl/ours/'));
    assert((await store.lockHolder('ours'))?.token ?? 0n > lock.token);
  } finally {
    await other.interrupt();
  }
  await poll('the lock is free', async () => (await store.lockHolder('ours')) === undefined);
});

test('a lock of ours waits for etcdctl lock', async () => {
  const other = etcdctl.start('lock', 'etcdctl/theirs');
  let lock: Awaited<ReturnType<typeof store.lock>>;
  try {
    await poll('etcdctl has the lock', async () => other.output !== '');
    const holder = await store.lockHolder('theirs');
    const waiting = store.lock('theirs');
    await poll('we wait', async () => (await queueLength('theirs')) === 2);
    await other.interrupt();
    lock = await waiting;
    assert(lock.token > (holder?.token ?? lock.token));
  } finally {
    await other.kill();
  }
  assert.equal(await queueLength('theirs'), 1);
  await lock.release();
});

test('etcdctl elect waits for a lock of ours, and its proposal is the value of the holder', async () => {
  const lock = await store.lock('leader', { value: 'host-7' });
  assert.match(await etcdctl.run('get', '--prefix', '--print-value-only', 'etcdctl/leader/'), /^host-7$/);
  const other = etcdctl.start('elect', 'etcdctl/leader', 'host-8');
  try {
    await poll('etcdctl waits', async () => (await queueLength('leader')) === 2);
    await lock.release();
    await poll('etcdctl leads', async () => (await store.lockHolder('leader'))?.value === 'host-8');
  } finally {
    await other.interrupt();
  }
});

test('a lock that an operator deletes is lost, and so is one whose lease is revoked', async () => {
  const deleted = await store.lock('deleted');
  await etcdctl.run('del', '--prefix', 'etcdctl/deleted/');
  await poll('the loss is noticed', async () => deleted.lost.aborted);
  await deleted.release();

  const revoked = await store.lock('revoked');
  const [key] = await store.list('revoked', { keysOnly: true });
  await etcdctl.run('lease', 'revoke', key?.split('/').at(-1) as string);
  await poll('the loss is noticed', async () => revoked.lost.aborted);
  await revoked.release();
});

test('keys of other programs are read below a root, as etcdctl writes them', async () => {
  await etcdctl.run('put', '/registry/a/b', 'theirs');
  const registry = await openStore(etcd({ endpoints, root: '/registry' }));
  try {
    const pair = await registry.get('a/b');
    assert.equal(new TextDecoder().decode(pair?.value), 'theirs');
    assert.deepEqual(await registry.list('', { keysOnly: true }), ['a/b']);
    const written = await registry.put('a/c', 'ours');
    assert.match(
      await etcdctl.run('get', '-w', 'json', '/registry/a/c'),
      new RegExp(`"mod_revision":${written.revision}`),
    );
    await registry.deleteTree('');
    assert.equal(await etcdctl.run('get', '--prefix', '/registry'), '');
  } finally {
    await registry.close();
  }
});
