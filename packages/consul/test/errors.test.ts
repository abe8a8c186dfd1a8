import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import { KvError, openStore } from '@kv/core';
import { afterEach, test } from 'vitest';
import { consul } from '../src/index.ts';
import { FakeConsul, sendPair } from './fake-consul.ts';

let fake: FakeConsul | undefined;
afterEach(async () => {
  await fake?.close();
  fake = undefined;
});

const secret = 's3cret-token';

async function openOn(server: FakeConsul) {
  fake = server;
  return openStore(consul({ addresses: [server.address], root: server.root, token: secret }));
}

const answers: [status: number, body: string, write: [code: string, outcome: string]][] = [
  [400, 'Bad request: Invalid header', ['KV_INVALID_ARGUMENT', 'not-applied']],
  [401, 'ACL support disabled', ['KV_PERMISSION_DENIED', 'not-applied']],
  [403, 'Permission denied', ['KV_PERMISSION_DENIED', 'not-applied']],
  // The token was known when the store was opened: a server that has just started may not have read its tokens yet.
  [403, 'ACL not found', ['KV_UNAVAILABLE', 'not-applied']],
  [404, 'no such page', ['KV_INTERNAL', 'unknown']],
  [413, 'Request body(1) too large', ['KV_VALUE_TOO_LARGE', 'not-applied']],
  [429, 'rate limit', ['KV_UNAVAILABLE', 'not-applied']],
  [500, 'No cluster leader', ['KV_UNAVAILABLE', 'not-applied']],
  [500, 'No path to datacenter', ['KV_UNAVAILABLE', 'not-applied']],
  [500, 'rpc error making call: EOF', ['KV_UNAVAILABLE', 'unknown']],
  [500, 'leadership lost while committing log', ['KV_UNAVAILABLE', 'unknown']],
  [502, '<html>', ['KV_UNAVAILABLE', 'unknown']],
];

test('a token that stays unknown is refused, after the time that a server needs to start', async () => {
  const store = await openOn(
    await FakeConsul.start((_, response) =>
      response.writeHead(403, { 'content-type': 'text/plain' }).end('ACL not found'),
    ),
  );
  await assert.rejects(store.get('key', { timeout: 1_000 }), { code: 'KV_UNAVAILABLE' });
  await assert.rejects(store.get('key', { timeout: 30_000 }), { code: 'KV_PERMISSION_DENIED' });
  await store.close();
}, 40_000);

for (const [status, body, [code, outcome]] of answers) {
  test(`a write that is answered ${status} ${body} is ${code}, ${outcome}`, async () => {
    const marker = `${body} ${'x'.repeat(10)}`;
    const store = await openOn(
      await FakeConsul.start((_, response) => response.writeHead(status, { 'content-type': 'text/plain' }).end(marker)),
    );
    const error = await store.put('key', 'the-value', { timeout: 1_000 }).then(
      () => assert.fail('it was accepted'),
      (reason: unknown) => reason,
    );
    assert.ok(KvError.is(error));
    assert.equal(error.code, code);
    assert.equal(error.outcome, outcome);
    const shown = inspect(error, { depth: 10 });
    for (const hidden of [marker, secret, 'the-value', Buffer.from('the-value').toString('base64')]) {
      assert.ok(!shown.includes(hidden), `${JSON.stringify(hidden)} is in ${shown}`);
    }
    await store.close();
  });
}

test('a transaction that is refused for want of permission is told from a conflict', async () => {
  const store = await openOn(
    await FakeConsul.start((_, response) =>
      response
        .writeHead(409, { 'content-type': 'application/json' })
        .end(JSON.stringify({ Errors: [{ OpIndex: 0, What: 'Permission denied' }] })),
    ),
  );
  await assert.rejects(store.put('key', 'x'), { code: 'KV_PERMISSION_DENIED', outcome: 'not-applied' });
  await assert.rejects(store.exists('key'), { code: 'KV_PERMISSION_DENIED' });
  await assert.rejects(store.delete('key'), { code: 'KV_PERMISSION_DENIED', outcome: 'not-applied' });
  await store.close();
});

test('an answer that breaks off is an error at once, and the read is sent again', async () => {
  let tries = 0;
  const store = await openOn(
    await FakeConsul.start((_, response) => {
      if (tries++ > 0) return sendPair(response, 7, 'whole');
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': '1000' });
      response.write('[', () => response.destroy());
    }),
  );
  const started = performance.now();
  assert.equal(new TextDecoder().decode((await store.get('key'))?.value), 'whole');
  assert.ok(performance.now() - started < 2_000, 'it waited for the deadline');
  assert.equal(tries, 2);
  await store.close();
});

test('a write whose answer breaks off has an unknown outcome, and is not sent again', async () => {
  const server = await FakeConsul.start((_, response) => {
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': '1000' });
    response.write('{', () => response.destroy());
  });
  const store = await openOn(server);
  await assert.rejects(store.put('key', 'x'), { code: 'KV_UNAVAILABLE', outcome: 'unknown', retryable: false });
  assert.equal(server.requests.length, 1);
  await store.close();
});

test('an answer that is not JSON is an error', async () => {
  const store = await openOn(
    await FakeConsul.start((_, response) => response.writeHead(200, { 'content-type': 'application/json' }).end('{')),
  );
  await assert.rejects(store.get('key', { timeout: 1_000 }), (error: unknown) => KvError.is(error));
  await store.close();
});

test('an index that goes backwards starts the watch anew, and an index of 0 does not stop it', async () => {
  const server = await FakeConsul.start((url, response) => {
    const index = url.searchParams.get('index');
    if (index === null) return sendPair(response, steps++ === 0 ? 100 : 40, steps === 1 ? 'old' : 'restored');
    if (index === '100') return sendPair(response, 40, 'restored');
    if (index === '40') return sendPair(response, 41, 'later');
    // Waits for ever.
  });
  let steps = 0;
  const store = await openOn(server);
  const seen: string[] = [];
  for await (const pair of store.watch('key')) {
    seen.push(new TextDecoder().decode(pair?.value));
    if (seen.at(-1) === 'later') break;
  }
  assert.deepEqual(seen, ['old', 'restored', 'later']);
  assert.deepEqual(server.requests.map((url) => url.searchParams.get('index')).slice(0, 4), [null, '100', null, '40']);
  for (const url of server.requests) assert.ok(url.searchParams.has('consistent'));
  await store.close();
});
