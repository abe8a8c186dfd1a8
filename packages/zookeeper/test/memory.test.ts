import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { startServers } from '@kv-tooling/servers';
import { test } from 'vitest';
import type { WatchChurn } from './programs/watch-churn.ts';

const cycles = 600;

test('keys that come and go below a watched directory leave neither memory nor watches behind', {
  timeout: 120_000,
}, async () => {
  const deployment = await startServers('zookeeper');
  const [{ host, port }] = deployment.servers as [(typeof deployment.servers)[0]];
  const program = fileURLToPath(new URL('./programs/watch-churn.ts', import.meta.url));
  const args = ['--conditions=@kv/source', '--expose-gc', program, `${host}:${port}`, String(cycles)];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  const { before, after, seen } = JSON.parse(stdout) as WatchChurn;
  assert(seen > cycles / 10, `the watch has seen ${seen} keys`);
  assert.equal(after.watches, before.watches);
  assert(after.heap - before.heap < 2 ** 20, `the heap grew from ${before.heap} to ${after.heap} bytes`);
  assert(
    after.native - before.native < 16 * 2 ** 20,
    `native memory grew from ${before.native} to ${after.native} bytes`,
  );
  await deployment.remove();
});
