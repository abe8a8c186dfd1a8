import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Agent, createServer as createHttpServer, request } from 'node:http';
import { connect as connectHttp2, createServer as createHttp2Server } from 'node:http2';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, inject, onTestFinished, test } from 'vitest';
import { type Address, FaultProxy, type Protocol, poll, ZooKeeperConnection } from '../src/index.ts';

async function listen(server: Server): Promise<Address> {
  await once(server.listen(0, '127.0.0.1'), 'listening');
  onTestFinished(() => {
    server.close();
  });
  return { host: '127.0.0.1', port: (server.address() as { port: number }).port };
}

async function openProxy(target: Address, protocol?: Protocol): Promise<FaultProxy> {
  const proxy = await FaultProxy.open(target, protocol);
  onTestFinished(() => proxy.close());
  return proxy;
}

/** Sends back what it gets, and remembers its connections. */
async function echoThroughProxy() {
  const accepted: Socket[] = [];
  const server = createServer((socket) => {
    accepted.push(socket);
    socket.on('error', () => {});
    socket.pipe(socket);
  });
  return { proxy: await openProxy(await listen(server)), accepted };
}

/** A client that collects what it receives. */
async function open(address: Address) {
  const socket = connect({ ...address, noDelay: true });
  onTestFinished(() => {
    socket.destroy();
  });
  const client = { socket, received: '', segments: 0, error: '' };
  socket.on('data', (bytes) => {
    client.received += bytes;
    client.segments += 1;
  });
  socket.on('error', (error: NodeJS.ErrnoException) => {
    client.error = error.code ?? error.message;
  });
  await once(socket, 'connect');
  return client;
}

const until = (what: string, check: () => boolean) => poll(what, async () => check(), 5000);

/** Long enough for a loopback connection to show what it would do. */
const aWhile = () => sleep(150);

describe('a proxy', () => {
  test('forwards both ways, ends included, and counts', async () => {
    const { proxy } = await echoThroughProxy();
    const client = await open(proxy);
    client.socket.end('hello');
    await once(client.socket, 'close');
    assert.equal(client.received, 'hello');
    assert.deepEqual(proxy.counts, { connections: 1, sentBytes: 5, receivedBytes: 5, requests: 0 });
  });

  test('cut ends connections and refuses new ones; heal takes them at the same port', async () => {
    const { proxy, accepted } = await echoThroughProxy();
    const client = await open(proxy);
    client.socket.write('a');
    await until('the echo', () => client.received === 'a');
    const closed = once(client.socket, 'close');
    await proxy.cut();
    await closed;
    await until('the end at the server', () => accepted[0]?.destroyed === true);
    await assert.rejects(open(proxy), { code: 'ECONNREFUSED' });
    await proxy.heal();
    const again = await open(proxy);
    again.socket.write('b');
    await until('the echo', () => again.received === 'b');
  });

  test('reset ends connections with ECONNRESET, and takes new ones', async () => {
    const { proxy } = await echoThroughProxy();
    const client = await open(proxy);
    client.socket.write('a');
    await until('the echo', () => client.received === 'a');
    proxy.reset();
    await until('the reset', () => client.error === 'ECONNRESET');
    const again = await open(proxy);
    again.socket.write('b');
    await until('the echo', () => again.received === 'b');
  });

  test('hold accepts and answers nothing, on old and new connections; heal delivers', async () => {
    const { proxy, accepted } = await echoThroughProxy();
    const before = await open(proxy);
    before.socket.write('a');
    await until('the echo', () => before.received === 'a');
    proxy.hold();
    const after = await open(proxy);
    after.socket.write('c');
    before.socket.end('b');
    await aWhile();
    assert.equal(before.received, 'a');
    assert.equal(after.received, '');
    assert.equal(accepted.length, 1);
    assert.equal(accepted[0]?.readableEnded, false);
    await proxy.heal();
    await until('what was held back', () => before.received === 'ab' && after.received === 'c');
    await until('its end', () => accepted[0]?.readableEnded === true);
  });

  test('a client that gives up while the link is held is noticed by the server only afterwards', async () => {
    const { proxy, accepted } = await echoThroughProxy();
    const client = await open(proxy);
    client.socket.write('a');
    await until('the echo', () => client.received === 'a');
    proxy.hold();
    client.socket.resetAndDestroy();
    await aWhile();
    assert.equal(accepted[0]?.destroyed, false);
    await proxy.heal();
    await until('the end at the server', () => accepted[0]?.destroyed === true);
  });

  test('a black hole is for ever, and for the connections of that moment', async () => {
    const { proxy, accepted } = await echoThroughProxy();
    const client = await open(proxy);
    client.socket.write('a');
    await until('the echo', () => client.received === 'a');
    proxy.blackHole();
    client.socket.write('b');
    const again = await open(proxy);
    again.socket.write('c');
    await until('the echo', () => again.received === 'c');
    await proxy.heal();
    client.socket.destroy();
    await aWhile();
    assert.equal(client.received, 'a');
    assert.equal(accepted[0]?.destroyed, false);
    await proxy.close();
    await until('the end at the server', () => accepted[0]?.destroyed === true);
  });

  test('latency delays each direction, and not the rate', async () => {
    const { proxy } = await echoThroughProxy();
    const client = await open(proxy);
    proxy.slow({ latency: 100 });
    const started = performance.now();
    for (let i = 0; i < 20; i++) {
      client.socket.write('x');
      await sleep(5);
    }
    await until('all echoes', () => client.received.length === 20);
    const took = performance.now() - started;
    assert(took >= 200, `there and back took ${took} ms`);
    assert(took < 2000, `20 messages took ${took} ms: they were delayed one after the other`);
  });

  test('slow cuts what is sent into segments', async () => {
    const { proxy } = await echoThroughProxy();
    const client = await open(proxy);
    proxy.slow({ segmentBytes: 3 });
    client.socket.write('0123456789');
    await until('the echo', () => client.received === '0123456789');
    assert(client.segments >= 4, `${client.segments} segments`);
  });

  test('resets its client where the server refuses', async () => {
    const server = createServer();
    const address = await listen(server);
    server.close();
    const proxy = await openProxy(address);
    const client = await open(proxy);
    await until('the reset', () => client.error === 'ECONNRESET');
  });
});

describe('requests are counted', () => {
  test('of HTTP/1.1, with every kind of body, several on one connection', async () => {
    const server = createHttpServer(async (incoming, response) => {
      response.end(await text(incoming));
    });
    const proxy = await openProxy(await listen(server), 'http1');
    proxy.slow({ segmentBytes: 7 }); // heads and bodies arrive in pieces
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    onTestFinished(() => agent.destroy());
    const send = async (method: string, ...pieces: string[]) => {
      const outgoing = request({ ...proxy, agent, method, host: proxy.host, port: proxy.port });
      for (const piece of pieces.slice(1)) outgoing.write(piece); // more than one: chunked
      outgoing.end(pieces[0]);
      const [response] = await once(outgoing, 'response');
      return text(response);
    };
    assert.equal(await send('GET'), '');
    assert.equal(await send('PUT', 'PUT / HTTP/1.1\r\n\r\nPUT / HTTP/1.1\r\n\r\n'), 'PUT / HTTP/1.1\r\n\r\n'.repeat(2));
    assert.equal(await send('POST', 'b\r\n', 'a\r\n'), 'a\r\nb\r\n');
    assert.equal(await send('DELETE'), '');
    assert.deepEqual([proxy.counts.requests, proxy.counts.connections], [4, 1]);
  });

  test('of HTTP/2, one for each stream', async () => {
    const server = createHttp2Server();
    server.on('stream', (stream) => {
      stream.on('error', () => {});
      stream.respond();
      stream.pipe(stream);
    });
    const proxy = await openProxy(await listen(server), 'http2');
    const session = connectHttp2(`http://${proxy.host}:${proxy.port}`);
    onTestFinished(() => session.destroy());
    for (const body of ['', 'x', 'y'.repeat(100_000)]) {
      const stream = session.request({ ':method': 'POST' });
      stream.end(body);
      assert.equal(await text(stream), body);
    }
    assert.deepEqual([proxy.counts.requests, proxy.counts.connections], [3, 1]);
  });

  test('of ZooKeeper, without the session’s own', async () => {
    const { zookeeper } = inject('servers');
    assert(zookeeper);
    const proxy = await openProxy(zookeeper, 'zookeeper');
    const connection = await ZooKeeperConnection.open(proxy);
    assert.equal(proxy.counts.requests, 0);
    await connection.create('/counted', 'x');
    await connection.getData('/counted');
    await connection.delete('/counted');
    assert.equal(proxy.counts.requests, 3);
    assert.equal(await connection.getData('/counted'), undefined);
    connection.close();
  });
});
