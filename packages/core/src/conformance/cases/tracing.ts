import assert from 'node:assert/strict';
import { subscribe, tracingChannel, unsubscribe } from 'node:diagnostics_channel';
import { inspect } from 'node:util';
import { KvError } from '../../error.ts';
import type { CallTrace, StatusTrace } from '../../tracing.ts';
import { conformanceCase } from '../case.ts';
import { expectError } from '../expect-error.ts';

const secret = 'hunter2-the-value';

interface TraceEvent {
  readonly event: string;
  readonly operation: string;
  readonly key: string | undefined;
}

/** Runs `work`, and gives what the channel `kv:call` said meanwhile about keys in `namespace`. */
async function traced(
  namespace: string,
  work: () => Promise<void>,
): Promise<{ events: TraceEvent[]; messages: CallTrace[] }> {
  const events: TraceEvent[] = [];
  const messages: CallTrace[] = [];
  const note = (event: string) => (message: object) => {
    const trace = message as CallTrace;
    if (!trace.key?.startsWith(`${namespace}/`)) return;
    events.push({ event, operation: trace.operation, key: trace.key.slice(namespace.length + 1) });
    if (!messages.includes(trace)) messages.push(trace);
  };
  const names = ['start', 'end', 'asyncStart', 'asyncEnd', 'error'] as const;
  const subscribers = Object.fromEntries(names.map((name) => [name, note(name)])) as Record<
    (typeof names)[number],
    (message: object) => void
  >;
  const channel = tracingChannel<unknown, object>('kv:call');
  channel.subscribe(subscribers);
  try {
    await work();
  } finally {
    channel.unsubscribe(subscribers);
  }
  return { events, messages };
}

export const tracing = [
  conformanceCase('tracing/tells-each-call-from-start-to-end', async ({ open, namespace, driver }) => {
    const store = await open();
    const { name } = await driver();
    const { events, messages } = await traced(namespace, async () => {
      const pair = await store.put('/a/key/', 'value');
      await store.get('a/key');
      await store.exists('a/key');
      await store.list('a');
      await store.atomicPut('a/key', 'next', pair);
      await store.namespace('a').delete('key');
      await store.deleteTree('a');
    });
    const spans = (event: string) =>
      events.filter((one) => one.event === event).map(({ operation, key }) => `${operation} ${key}`);
    const expected = [
      ...['put a/key', 'get a/key', 'exists a/key', 'list a', 'atomicPut a/key'],
      ...['delete a/key', 'deleteTree a'],
    ];
    for (const event of ['start', 'end', 'asyncEnd']) assert.deepEqual(spans(event), expected, event);
    assert.deepEqual(spans('error'), []);
    for (const message of messages) {
      assert.equal(message.driver, name);
      assert.equal(message.retries, 0);
    }
  }),

  conformanceCase('tracing/tells-failures', async ({ open, namespace }) => {
    const store = await open();
    await store.put('key', 'value');
    const { events, messages } = await traced(namespace, async () => {
      await expectError(store.atomicPut('key', 'value', null), 'KV_KEY_EXISTS');
    });
    assert(events.some(({ event, operation }) => event === 'error' && operation === 'atomicPut'));
    assert(KvError.is(messages[0]?.error, 'KV_KEY_EXISTS'));
  }),

  conformanceCase('tracing/never-tells-a-value', async ({ open, namespace, capabilities }) => {
    const store = await open();
    const secretive = (value: unknown) => inspect(value, { depth: 10, showHidden: true });
    const bytesOfSecret = secretive(new TextEncoder().encode(secret).subarray(0, 8)).slice(-30);
    const { messages } = await traced(namespace, async () => {
      const pair = await store.put('key', secret);
      await store.put('key', new TextEncoder().encode(secret));
      await store.get('key');
      await store.list('');
      await store.update('key', () => `${secret}!`);
      await expectError(store.atomicPut('key', secret, pair), 'KV_KEY_MODIFIED');
      await expectError(store.atomicPut('key', secret, null), 'KV_KEY_EXISTS');
      await expectError(store.put('key', new Uint8Array(capabilities.maxValueBytes + 1)), 'KV_VALUE_TOO_LARGE');
    });
    assert(messages.length >= 7);
    for (const { driver, operation, key, retries, error } of messages) {
      const told = secretive({ driver, operation, key, retries, error });
      assert(!told.includes(secret) && !told.includes(bytesOfSecret), `the trace tells the value: ${told}`);
    }
  }),

  conformanceCase(
    'tracing/tells-when-the-server-is-lost-and-found',
    async ({ connect, driver, observe, eventually }) => {
      const { name } = await driver();
      const { store, faults } = await connect();
      const told: StatusTrace[] = [];
      const note = (message: unknown) => void told.push(message as StatusTrace);
      subscribe('kv:status', note);
      try {
        const watch = observe(store.watch('key'));
        await watch.until(() => true);
        assert.equal(store.status, 'connected');
        const heal = await faults.partition('refuse');
        await eventually(() => assert.equal(store.status, 'reconnecting'), 20_000);
        await heal();
        await eventually(() => assert.equal(store.status, 'connected'), 20_000);
        await store.close();
        assert.equal(store.status, 'closed');
      } finally {
        unsubscribe('kv:status', note);
      }
      const statuses = told.map(({ status }) => status);
      assert.deepEqual([...statuses.slice(0, 2), statuses.at(-1)], ['reconnecting', 'connected', 'closed']);
      for (const { driver: by, status, error } of told) {
        assert.equal(by, name);
        assert.equal(KvError.is(error), status === 'reconnecting', `${status}: ${inspect(error)}`);
      }
    },
    { faults: ['partition'], exclusive: true, timeout: 60_000 },
  ),
];
