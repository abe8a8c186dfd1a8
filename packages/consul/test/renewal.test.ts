import assert from 'node:assert/strict';
import type { CallContext } from '@kv/core';
import { test } from 'vitest';
import { consul } from '../src/index.ts';
import { FakeConsul } from './fake-consul.ts';

const call = (): CallContext => ({ signal: AbortSignal.timeout(10_000), deadline: performance.now() + 10_000 });

/** A session at a server that answers renewals with 404. `isThere` says whether a consistent read finds it. */
async function openOn(isThere: boolean) {
  const fake = await FakeConsul.start(({ pathname }, response) => {
    if (pathname.startsWith('/v1/session/renew/')) return response.writeHead(404).end('Session id not found');
    response.writeHead(200, { 'content-type': 'application/json' });
    const session = { ID: 'one', Name: 'one' };
    if (pathname.startsWith('/v1/session/info/')) return response.end(JSON.stringify(isThere ? [session] : []));
    response.end(pathname === '/v1/session/create' ? JSON.stringify(session) : 'true');
  });
  const driver = await consul({ addresses: [fake.address], root: fake.root }).connect(call());
  const session = await driver.openSession(10_000, call());
  const close = async () => {
    await session.close(call());
    await driver.close();
    await fake.close();
  };
  return { fake, session, close };
}

test('a renewal that a leader just elected refuses is tried again, where the session exists', async () => {
  const { fake, session, close } = await openOn(true);
  await assert.rejects(session.renew(call()), { code: 'KV_UNAVAILABLE', retryable: true, outcome: 'not-applied' });
  assert.ok(fake.requests.at(-1)?.searchParams.has('consistent'));
  await close();
  assert.equal(fake.requests.at(-1)?.pathname, '/v1/session/destroy/one');
});

test('a session that is gone is lost, and not closed once more', async () => {
  const { fake, session, close } = await openOn(false);
  await assert.rejects(session.renew(call()), { code: 'KV_SESSION_LOST' });
  await close();
  assert.ok(!fake.requests.some(({ pathname }) => pathname.startsWith('/v1/session/destroy')));
});
