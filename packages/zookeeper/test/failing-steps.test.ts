import assert from 'node:assert/strict';
import { type CallOptions, type KVPair, KvError, openStore, type Session, type Store, text } from '@kv/core';
import { startServers } from '@kv-tooling/servers';
import { afterAll, beforeAll, describe, test } from 'vitest';
import { loadBinding } from '../src/binding.ts';
import type { Connection } from '../src/connection.ts';
import { ZooKeeperDriver } from '../src/driver.ts';
import { code, requestError } from '../src/errors.ts';
import { zookeeper } from '../src/index.ts';
import { Keyspace } from '../src/keyspace.ts';
import { Link, type OpenConnection } from '../src/link.ts';
import { optionsFor } from './harness.ts';

/*
 * A write of several requests can lose the server before any of them. Whatever it tells then must be true: `not-applied`, that
 * everything is as it was; success, that it is as the write has it, also where core has sent it again.
 */

type TextStore = Store<string, string>;

/** How many requests pass until some are not sent, and how many of those there are. */
let passing = Number.POSITIVE_INFINITY;
let failing = 0;

function failsNow(): boolean {
  if (passing-- > 0) return false;
  return failing-- > 0;
}

function fragile(open: OpenConnection): OpenConnection {
  return (options, listener) =>
    new Proxy(open(options, listener), {
      get(connection: Connection, name: keyof Connection) {
        const member = connection[name];
        if (typeof member !== 'function') return member;
        const request = member.bind(connection) as (...args: unknown[]) => unknown;
        if (name === 'close') return request;
        return (...args: unknown[]) =>
          failsNow() ? Promise.reject(requestError(code.closing, false)) : request(...args);
      },
    });
}

const deployment = await startServers('zookeeper');
const factory = zookeeper({
  servers: deployment.servers.map(({ host, port }) => `${host}:${port}`),
  ...optionsFor(deployment),
});
let plain: TextStore;
let store: TextStore;
let session: Session;

beforeAll(async () => {
  plain = await openStore(factory, { codec: text() });
  const options = {
    servers: deployment.servers.map(({ host, port }) => `${host}:${port}`),
    timeout: 6_000,
    login: undefined,
    acl: undefined,
  };
  const connect = async () => {
    const open = fragile(await loadBinding());
    const link = new Link(open, options);
    await link.ready({ deadline: performance.now() + 10_000 });
    await link.lookAround();
    return new ZooKeeperDriver(link, new Keyspace(''), open, options, plain.capabilities);
  };
  store = await openStore({ ...factory, connect }, { codec: text(), timeout: 10_000 });
  session = await store.session({ ttl: 30_000 });
});

afterAll(async () => {
  await store.close();
  await plain.close();
  await deployment.remove();
});

interface Write {
  /** @returns The pair that is there before. */
  readonly before?: (key: string) => Promise<KVPair<string> | undefined>;
  readonly write: (key: string, pair: KVPair<string> | undefined, options: CallOptions) => Promise<unknown>;
  /** What the key has after it. */
  readonly after: string | undefined;
}

const permanent = (key: string) => plain.put(key, 'before');
const bound = (key: string) => store.put(key, 'before', { session });
const mortal = (key: string) => plain.put(key, 'before', { ttl: 60_000 });
const parent = async (key: string) => {
  await plain.put(`${key}/child`, 'child');
  return permanent(key);
};
const directory = async (key: string) => {
  await plain.put(`${key}/child`, 'child');
  return undefined;
};
const dead = async (key: string) => {
  await parent(key);
  await plain.delete(key);
  return undefined;
};

const befores = { nothing: undefined, permanent, bound, mortal, parent, directory, dead };
const writes: Record<string, Write> = {};
for (const [name, before] of Object.entries(befores)) {
  const of = (write: Write['write'], after: string | undefined): Write => ({
    ...(before !== undefined && { before }),
    write,
    after,
  });
  writes[`put over: ${name}`] = of((key, _, options) => store.put(key, 'after', options), 'after');
  writes[`put with a session over: ${name}`] = of(
    (key, _, options) => store.put(key, 'after', { session, ...options }),
    'after',
  );
  writes[`put with a ttl over: ${name}`] = of(
    (key, _, options) => store.put(key, 'after', { ttl: 60_000, ...options }),
    'after',
  );
  writes[`atomicPut over: ${name}`] = of(
    (key, pair, options) => store.atomicPut(key, 'after', pair ?? null, options),
    'after',
  );
  writes[`atomicPut with a session over: ${name}`] = of(
    (key, pair, options) => store.atomicPut(key, 'after', pair ?? null, { session, ...options }),
    'after',
  );
  writes[`delete of: ${name}`] = of(
    async (key, pair, options) => assert.equal(await store.delete(key, options), pair !== undefined),
    undefined,
  );
  writes[`atomicDelete of: ${name}`] = of(
    async (key, pair, options) => pair && (await store.atomicDelete(key, pair, options)),
    undefined,
  );
  writes[`deleteTree above: ${name}`] = of(async (key, _, options) => {
    const directory = key.slice(0, -'/key'.length);
    await store.deleteTree(directory, options);
    assert.deepEqual(await plain.list(directory), []);
  }, undefined);
}

let count = 0;

/** @returns Whether the write had so many requests. */
async function checked(
  { before, write, after }: Write,
  passed: number,
  failed: number,
  options: CallOptions,
): Promise<boolean> {
  const directory = `steps/${count++}`;
  const key = `${directory}/key`;
  const pair = await before?.(key);
  const was = await plain.list(directory);
  passing = passed;
  failing = failed;
  let error: unknown;
  try {
    await write(key, pair, options);
  } catch (thrown) {
    error = thrown;
  }
  const reached = failing < failed;
  passing = Number.POSITIVE_INFINITY;
  const told = `after ${passed} requests: ${error ?? 'success'}`;
  if (error === undefined) assert.equal((await plain.get(key))?.value, after, told);
  else if (!KvError.is(error)) throw error;
  else if (error.outcome === 'not-applied') assert.deepEqual(await plain.list(directory), was, told);
  return reached;
}

describe.each(Object.keys(writes))('%s', (name) => {
  test.each([
    ['one request is not sent', 1, {}],
    ['none is sent any more', 1_000_000, { timeout: 200 }],
  ])('%s', { timeout: 120_000 }, async (_, failed, options) => {
    for (let passed = 0; await checked(writes[name] as Write, passed, failed, options); passed++);
  });
});
