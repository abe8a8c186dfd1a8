// Makes calls whose values and whose abort must not show in the debug log, and prints whether somebody listens to calls.
import { tracingChannel } from 'node:diagnostics_channel';
import { openStore } from '@kv/core';
import { Gate, memory } from '@kv/core/memory';

const secret = 'hunter2';
const link = new Gate();
const store = await openStore(memory({ link }));
const other = await openStore(memory());

const pair = await store.put('config/a', secret);
await store.put('config/a', `${secret}!`);
await store.atomicPut('config/a', secret, pair).catch(() => {});
await store.lock('jobs/a', { value: secret });
await store.transaction({ then: [{ type: 'put', key: 'config/b', value: secret }] });

link.pause();
const abort = new AbortController();
const pending = store.get('config/a', { signal: abort.signal });
abort.abort(new Error(secret));
await pending.catch(() => {});
link.open();

await store.close();
await other.close();
process.stdout.write(`${tracingChannel('kv:call').hasSubscribers}\n`);
