import assert from 'node:assert/strict';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { KvError } from '../../error.ts';
import type { StatusTrace } from '../../tracing.ts';
import { conformanceCase } from '../case.ts';
import { silenceNoticed } from '../durations.ts';

export const status = [
  conformanceCase(
    'status/tells-that-a-watch-has-lost-the-server-and-has-it-again',
    async ({ connect, observe, eventually }) => {
      const { store, faults } = await connect();
      const watched = observe(store.watch('key'));
      await watched.count(1);
      assert.equal(store.status, 'connected');
      const heal = await faults.partition('refuse');
      await eventually(() => assert.equal(store.status, 'reconnecting'), silenceNoticed);
      assert.equal(store.namespace('any/view').status, 'reconnecting');
      await heal();
      await eventually(() => assert.equal(store.status, 'connected'), 30_000);
      await store.close();
      assert.equal(store.status, 'closed');
    },
    { faults: ['partition'], timeout: 60_000 },
  ),

  conformanceCase(
    'status/is-connected-again-once-the-watch-that-lost-the-server-is-left',
    async ({ connect, observe, eventually }) => {
      const { store, faults } = await connect();
      const abort = new AbortController();
      const watched = observe(store.watch('key', { signal: abort.signal }));
      await watched.count(1);
      await faults.partition('refuse');
      await eventually(() => assert.equal(store.status, 'reconnecting'), silenceNoticed);
      abort.abort();
      await eventually(() => assert.equal(store.status, 'connected'));
    },
    { faults: ['partition'], timeout: 60_000 },
  ),

  conformanceCase(
    'status/is-told-on-the-channel-kv-status',
    async ({ connect, driver, observe, eventually }) => {
      const { name } = await driver();
      const told: StatusTrace[] = [];
      const listener = (message: unknown) => void told.push(message as StatusTrace);
      subscribe('kv:status', listener);
      try {
        const { store, faults } = await connect();
        const watched = observe(store.watch('key'));
        await watched.count(1);
        const heal = await faults.partition('refuse');
        await eventually(() => assert.equal(told.at(-1)?.status, 'reconnecting'), silenceNoticed);
        assert(KvError.is(told.at(-1)?.error));
        await heal();
        await eventually(() => assert.equal(told.at(-1)?.status, 'connected'), 30_000);
        await store.close();
        assert.equal(told.at(-1)?.status, 'closed');
        assert(told.every(({ driver }) => driver === name));
      } finally {
        unsubscribe('kv:status', listener);
      }
    },
    // The channel tells of every store of the process.
    { faults: ['partition'], timeout: 60_000, exclusive: true },
  ),
];
