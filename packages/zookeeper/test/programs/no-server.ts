import { once } from 'node:events';
import { createServer } from 'node:net';
import { openStore } from '@kv/core';
import { zookeeper } from '../../src/index.ts';

/** Tries to connect to what is no server, and writes the codes of the errors, and after how many milliseconds they came. */
const silent = createServer((socket) => socket.unref()).listen(0, '127.0.0.1');
await once(silent, 'listening');
silent.unref();
const { port } = silent.address() as { port: number };
const ends = [
  ['127.0.0.1:1'], // nothing listens
  ['127.0.0.1:1', 'nowhere.invalid:2181'],
  ['nowhere.invalid:2181'],
  [`127.0.0.1:${port}`], // accepts, and never answers
].map(async (servers) => {
  const started = performance.now();
  const error = await openStore(zookeeper({ servers })).catch((error) => error);
  return { code: error.code, milliseconds: performance.now() - started };
});
process.stdout.write(JSON.stringify(await Promise.all(ends)));
