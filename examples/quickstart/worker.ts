import { once } from 'node:events';
import { json, openStore, text } from '@kv/core';
import { Discovery } from '@kv/recipes/discovery';
import { Election } from '@kv/recipes/election';
import { openDriver } from './open-driver.ts';
import { send } from './report.ts';
import { workerTtl } from './worker-ttl.ts';

const [url = '', name = ''] = process.argv.slice(2);
const stop = new AbortController();
process.once('SIGTERM', () => stop.abort());

const store = await openStore(await openDriver(url), { codec: json() });
try {
  // For as long as this process lives, and again if the session is lost meanwhile.
  const instance = { id: name, address: '127.0.0.1', port: 8_080, metadata: { pid: process.pid } };
  const registration = await new Discovery(store).register('worker', instance, { ttl: workerTtl });
  send({ event: 'registered' });
  await Promise.all([followConfig(), lead()]);
  await registration.deregister();
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
  const election = new Election(store, 'leader', { codec: text(), ttl: workerTtl });
  try {
    // Leads until it is stopped, and campaigns again if it is replaced meanwhile.
    await election.lead(
      name,
      async ({ term, lost }) => {
        send({ event: 'leading', term: String(term) });
        await once(lost, 'abort');
      },
      { signal: stop.signal },
    );
  } catch (error) {
    if (!stop.signal.aborted) throw error;
  }
}
