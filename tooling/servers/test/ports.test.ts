import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { promisify } from 'node:util';
import { test } from 'vitest';
import { freePort, returnPort } from '../src/ports.ts';

test('a port is given once, until it is returned, and not while something listens on it', async () => {
  const first = await freePort();
  const listener = createServer().listen(first + 1);
  await once(listener, 'listening');
  const others: number[] = [];
  try {
    while (others.length < 150) others.push(await freePort());
    assert.equal(new Set([first, first + 1, ...others]).size, 152);
  } finally {
    listener.close();
    for (const port of [first, ...others]) returnPort(port);
  }
});

test('two processes are given different ports', async () => {
  const ports = new URL('../src/ports.ts', import.meta.url).href;
  const program = `const { freePort } = await import('${ports}'); console.log(await freePort());`;
  const args = [...process.execArgv, '--input-type=module', '--eval', program];
  const own = await freePort();
  const { stdout } = await promisify(execFile)(process.execPath, args);
  assert.notEqual(Math.floor(Number(stdout) / 200), Math.floor(own / 200));
  returnPort(own);
});
