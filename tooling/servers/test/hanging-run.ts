/** Starts servers, says so, and waits: for the tests of what remains of it. Prints the name of its run. */
import { startServers } from '../src/index.ts';

const { servers } = await startServers('etcd', { size: 3 });
console.log(`${process.env['KV_TEST_RUN']} ${servers[0]?.port}`);
setInterval(() => {}, 60_000);
