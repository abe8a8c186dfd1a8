import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdirSync, readlinkSync } from 'node:fs';
import { openStore } from '@kv/core';
import { startServers } from '@kv-tooling/servers';
import { test } from 'vitest';
import { zookeeper } from '../src/index.ts';
import { optionsFor } from './harness.ts';

/** What a descriptor of this process is, as the kernel names it: `socket:[4711]`. */
function target(descriptor: string): string {
  try {
    return readlinkSync(`/proc/self/fd/${descriptor}`);
  } catch {
    return '';
  }
}

test.runIf(process.platform === 'linux')('a process that is started inherits no connection', async () => {
  const deployment = await startServers('zookeeper');
  const [server] = deployment.servers as [(typeof deployment.servers)[0]];
  const before = new Set(readdirSync('/proc/self/fd').map(target));
  const store = await openStore(zookeeper({ servers: [`${server.host}:${server.port}`], ...optionsFor(deployment) }));
  const opened = readdirSync('/proc/self/fd')
    .map(target)
    .filter((name) => name.startsWith('socket:') && !before.has(name));
  assert(opened.length > 0, 'the store has opened no socket');
  const inherited = execFileSync('ls', ['-l', '/proc/self/fd'], { encoding: 'utf8' });
  for (const socket of opened) assert(!inherited.includes(socket), `${socket} was inherited`);
  await store.close();
  await deployment.remove();
});
