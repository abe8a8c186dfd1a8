import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openStore } from '@kv/core';
import { type Kind, startServers } from '@kv-tooling/servers';
import { openDriver } from '../../../../examples/quickstart/open-driver.ts';
import { electionHistory, type HistoryOptions, type HistoryResult } from './election-history.ts';

export type Backend = 'sqlite' | Kind;

/** Runs a history on a server, or a database, that it starts and removes. Sessions are as short as the backend has them. */
export async function historyOn(
  backend: Backend,
  options: Omit<HistoryOptions, 'url' | 'ttl' | 'latestFactor'>,
): Promise<HistoryResult> {
  const { url, remove } = backend === 'sqlite' ? await startDatabase() : await startServer(backend);
  try {
    const store = await openStore(await openDriver(url));
    const { minMs, latestFactor } = store.capabilities.session;
    await store.close();
    return await electionHistory({ ...options, url, ttl: Math.max(minMs, shortestTtl), latestFactor });
  } finally {
    await remove();
  }
}

/** A loaded machine still renews a session of so many milliseconds. */
const shortestTtl = 3_000;

async function startServer(kind: Kind) {
  const { servers, remove } = await startServers(kind);
  const [server] = servers;
  return { url: `${kind}://${server?.host}:${server?.port}/history`, remove };
}

async function startDatabase() {
  const directory = await mkdtemp(join(tmpdir(), 'kv-history-'));
  return { url: `sqlite://${join(directory, 'kv.db')}`, remove: () => rm(directory, { recursive: true }) };
}
