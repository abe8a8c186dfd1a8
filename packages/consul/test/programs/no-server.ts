import { openStore } from '@kv/core';
import { freePort } from '@kv-tooling/servers';
import { consul } from '../../src/index.ts';

// Prints how opening a store ends where nothing listens, and must then end by itself.
const addresses = await Promise.all([1, 2].map(async () => `http://127.0.0.1:${await freePort()}`));
const started = performance.now();
try {
  await openStore(consul({ addresses }));
} catch (error) {
  process.stdout.write(
    JSON.stringify({ code: (error as { code: string }).code, milliseconds: performance.now() - started }),
  );
}
