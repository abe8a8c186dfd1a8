import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, inject, type TestContext, test } from 'vitest';
import { type Deployment, type Kind, poll, type StartOptions, startServers } from '../src/index.ts';
import { raw } from './raw.ts';

async function start({ onTestFinished }: TestContext, kind: Kind, options?: StartOptions): Promise<Deployment> {
  const deployment = await startServers(kind, options);
  onTestFinished(() => deployment.remove());
  return deployment;
}

describe.concurrent.each(['etcd', 'consul', 'zookeeper'] as const)('%s', (kind) => {
  const { write, read } = raw[kind];

  test('the shared server answers', async () => {
    const server = inject('servers')[kind];
    assert(server);
    await write(server, {}, 'shared', 'yes');
    assert.equal(await read(server, {}, 'shared'), 'yes');
    assert.match(server.version, /^\d+\.\d+\.\d+/);
  });

  test('data and address outlive a kill and a stop', async (context) => {
    const { servers, admin } = await start(context, kind);
    const [server] = servers;
    assert(server);
    await write(server, admin, 'a', 'before the kill');
    await server.kill();
    await assert.rejects(read(server, admin, 'a'));
    await server.start();
    assert.equal(await read(server, admin, 'a'), 'before the kill');
    await write(server, admin, 'a', 'before the stop');
    await server.stop();
    await server.start();
    assert.equal(await read(server, admin, 'a'), 'before the stop');
  });

  test('a frozen server does not answer until it is thawed', async (context) => {
    const { servers, admin } = await start(context, kind);
    const [server] = servers;
    assert(server);
    await write(server, admin, 'a', '1');
    await server.freeze();
    const answer = read(server, admin, 'a');
    assert.equal(await Promise.race([answer, sleep(500, 'no answer')]), 'no answer');
    await server.thaw();
    assert.equal(await answer, '1');
  });

  test('a secured server lets a client do what it may, and nobody else anything', async (context) => {
    const { servers, client, admin } = await start(context, kind, { secured: true });
    const [server] = servers;
    assert(server);
    await write(server, client, 'app/a', '1');
    assert.equal(await read(server, client, 'app/a'), '1');
    await assert.rejects(write(server, client, 'elsewhere', '1'));
    await write(server, admin, 'elsewhere', '2');
    assert.equal(await read(server, admin, 'elsewhere'), '2');

    await assert.rejects(write(server, {}, 'app/b', '1'));
    const { tls, login } = client;
    if (tls) {
      await assert.rejects(write(server, { tls }, 'app/b', '1'), 'a certificate alone');
      const { ca } = tls;
      await assert.rejects(write(server, { ...client, tls: { ca } as typeof tls }, 'app/b', '1'), 'no certificate');
    }
    if (login) {
      const wrong = { ...client, login: { ...login, password: 'wrong' } };
      await assert.rejects(write(server, wrong, 'app/b', '1'));
    }
    assert.equal(await read(server, admin, 'app/b'), undefined);
  });

  test('a secured server is still secured after a kill', async (context) => {
    const { servers, client } = await start(context, kind, { secured: true });
    const [server] = servers;
    assert(server);
    await write(server, client, 'app/a', '1');
    await server.kill();
    await server.start();
    assert.equal(await read(server, client, 'app/a'), '1');
    await assert.rejects(write(server, {}, 'app/a', '2'));
  });

  test('of three, another leads when the leader is killed, and the leader catches up', async (context) => {
    const deployment = await start(context, kind, { size: 3 });
    const { servers, admin } = deployment;
    assert.equal(servers.length, 3);
    const first = await deployment.leader();
    await write(first, admin, 'a', '1');
    await first.kill();
    const second = await poll('another leader', async () => {
      const leader = await deployment.leader();
      return leader !== first && leader;
    });
    await poll('a write', () => write(second, admin, 'a', '2').then(() => true));
    await first.start();
    await poll('convergence', async () => (await read(first, admin, 'a')) === '2');
  });

  test('of three, another leads when the leader is cut off, and the leader catches up', async (context) => {
    const deployment = await start(context, kind, { size: 3 });
    const { servers, admin, faults } = deployment;
    const first = await deployment.leader();
    if (!faults.isolate) {
      assert.equal(deployment.mode, 'processes');
      await assert.rejects(deployment.isolate(first), /cannot be cut off.*KV_TEST_MODE/);
      return;
    }
    await write(first, admin, 'a', '1');
    await deployment.isolate(first);
    const second = await deployment.leader();
    assert.notEqual(second, first);
    assert(servers.includes(second));
    await poll('a write', () => write(second, admin, 'a', '2').then(() => true));
    await assert.rejects(write(first, admin, 'b', 'of nobody'));
    await deployment.rejoin(first);
    await poll('convergence', async () => (await read(first, admin, 'a')) === '2');
    await deployment.leader();
  });
});

describe('a server that someone else started', () => {
  test('is used where KV_TEST_ETCD_URL names it, and nothing is done to it', async (context) => {
    const shared = inject('servers').etcd;
    assert(shared);
    process.env['KV_TEST_ETCD_URL'] = `http://${shared.host}:${shared.port}`;
    context.onTestFinished(() => {
      delete process.env['KV_TEST_ETCD_URL'];
    });
    const deployment = await start(context, 'etcd');
    assert.equal(deployment.mode, 'external');
    assert.equal(deployment.version, shared.version);
    assert.deepEqual(deployment.faults, { restart: false, freeze: false, isolate: false });
    const [server] = deployment.servers;
    assert(server);
    await raw.etcd.write(server, {}, 'external', '1');
    await assert.rejects(server.kill(), /started by someone else/);
    await assert.rejects(startServers('etcd', { size: 3 }), /KV_TEST_ETCD_URL names one plain server/);
  });

  test('needs an address that can be understood', async ({ onTestFinished }) => {
    process.env['KV_TEST_CONSUL_URL'] = 'somewhere';
    onTestFinished(() => {
      delete process.env['KV_TEST_CONSUL_URL'];
    });
    await assert.rejects(startServers('consul'), /KV_TEST_CONSUL_URL must be http:\/\/host:port/);
  });
});

test('KV_TEST_MODE knows two words', async ({ onTestFinished }) => {
  const before = process.env['KV_TEST_MODE'];
  onTestFinished(() => {
    if (before === undefined) delete process.env['KV_TEST_MODE'];
    else process.env['KV_TEST_MODE'] = before;
  });
  process.env['KV_TEST_MODE'] = 'containres';
  await assert.rejects(startServers('etcd'), /KV_TEST_MODE must be containers or processes, not containres/);
});
