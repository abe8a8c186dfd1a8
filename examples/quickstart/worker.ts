import { json, openStore } from '@kv/core';
import { openDriver } from './open-driver.ts';
import { send } from './report.ts';
import { workerTtl } from './worker-ttl.ts';

const [url = '', name = ''] = process.argv.slice(2);
const stop = new AbortController();
process.once('SIGTERM', () => stop.abort());

const store = await openStore(await openDriver(url), { codec: json() });
try {
  // Registered for as long as this process lives: the session's end removes the key.
  const session = await store.session({ ttl: workerTtl });
  await store.put(`services/${name}`, { pid: process.pid }, { session });
  send({ event: 'registered' });
  await Promise.all([followConfig(), lead()]);
} finally {
  await store.close();
}
send({ event: 'left' });

async function followConfig(): Promise<void> {
  for await (const { changes } of store.watchTree('config', { signal: stop.signal })) {
    for (const change of changes) {
      const { type, key } = change;
      send({ event: 'config', type, key, ...(type === 'put' ? { value: change.pair.value } : {}) });
    }
  }
}

async function lead(): Promise<void> {
  try {
    const lock = await store.lock('leader', { ttl: workerTtl, value: name, signal: stop.signal });
    send({ event: 'leading', token: String(lock.token) });
  } catch (error) {
    if (!stop.signal.aborted) throw error;
  }
}
