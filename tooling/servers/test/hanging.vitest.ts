/** Not one of the suite: a run with a test that never ends, for the tests of what remains of it. */
import { beforeAll, test } from 'vitest';
import { startServers } from '../src/index.ts';

beforeAll(async () => {
  const { servers } = await startServers('etcd');
  console.log(`${process.env['KV_TEST_RUN']} ${servers[0]?.port}`);
}, 60_000);

test('hangs', () => new Promise(() => {}));
