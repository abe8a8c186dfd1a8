import { once } from 'node:events';
import { createServer } from 'node:net';
import { openStore } from '@kv/core';
import { etcd } from '../../src/index.ts';

/** Tries to connect to what is no server, and writes the codes of the errors. */
const silent = createServer((socket) => socket.unref()).listen(0, '127.0.0.1');
await once(silent, 'listening');
silent.unref();
const { port } = silent.address() as { port: number };
const codes: unknown[] = [];
for (const endpoints of [
  ['http://127.0.0.1:1'], // nothing listens
  ['http://127.0.0.1:1', 'http://nowhere.invalid'],
  [`http://127.0.0.1:${port}`], // accepts, and never answers
  [`https://127.0.0.1:${port}`],
]) {
  await openStore(etcd({ endpoints })).catch((error) => codes.push(error.code));
}
process.stdout.write(JSON.stringify(codes));
