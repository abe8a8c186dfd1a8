import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdirSync, readlinkSync } from 'node:fs';
import { openStore } from '@kv/core';
import { startServers } from '@kv-tooling/servers';
import { test } from 'vitest';
import { zookeeper } from '../src/index.ts';
import { optionsFor } from './harness.ts';

/** A build from before may have been taken from the store of the package manager, which does not look at this variable. */
const remedy =
  'the zookeeper add-on was compiled without `with_sock_cloexec=yes`. Compile it again: ' +
  'with_sock_cloexec=yes npm_config_build_from_source=true pnpm rebuild zookeeper';

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
  for (const socket of opened) assert(!inherited.includes(socket), `${socket} was inherited: ${remedy}`);
  await store.close();
  await deployment.remove();
});
