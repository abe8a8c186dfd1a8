import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { inject } from 'vitest';

/** What a program of this backend is to open: a server, a new database of its own, or nothing. */
export async function targetOf(backend: string, folder: string): Promise<{ KV_TARGET: string }> {
  if (backend === 'sqlite') return { KV_TARGET: join(await mkdtemp(join(folder, 'database-')), 'kv.db') };
  if (backend !== 'etcd' && backend !== 'consul' && backend !== 'zookeeper') return { KV_TARGET: '' };
  const server = inject('servers')[backend];
  if (server === undefined) throw new Error(`no ${backend} was started`);
  return { KV_TARGET: `${server.host}:${server.port}` };
}
