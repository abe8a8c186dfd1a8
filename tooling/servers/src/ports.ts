import { once } from 'node:events';
import { createServer } from 'node:net';

/*
 * Ports below the range from which the kernel takes those of outgoing connections (on Linux it starts at 32768): a server
 * that was killed finds its port still free when it is started again.
 */
const lowest = 12_000;
const blocks = 100;
/** The first port of a block is what the process that owns the block listens on, for as long as it lives. */
const blockSize = 200;

let ownBlock: Promise<number> | undefined;
const given = new Set<number>();
let next = 0;

/**
 * A port that nothing listens on, and that nobody else is given, in this process or in another one, until it is returned: also
 * not while the proxy or the server that has it is away.
 */
export async function freePort(): Promise<number> {
  ownBlock ??= claimBlock();
  const first = (await ownBlock) + 1;
  for (let tries = 1; tries < blockSize; tries++) {
    const port = first + (next++ % (blockSize - 1));
    if (given.has(port)) continue;
    given.add(port);
    if (await tryToListen(port)) return port;
    given.delete(port);
  }
  throw new Error(`this process has used up its ports, ${first} to ${first + blockSize - 2}`);
}

/** Says that a port of `freePort` is not needed any more. */
export function returnPort(port: number): void {
  given.delete(port);
}

async function claimBlock(): Promise<number> {
  const start = Math.floor(Math.random() * blocks);
  for (let i = 0; i < blocks; i++) {
    const port = lowest + ((start + i) % blocks) * blockSize;
    if (await tryToListen(port, true)) return port;
  }
  throw new Error(`each block of ports from ${lowest} on belongs to another process`);
}

async function tryToListen(port: number, keep = false): Promise<boolean> {
  const server = createServer().listen(port);
  try {
    await once(server, 'listening');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    return false;
  }
  if (keep) server.unref();
  else await once(server.close(), 'close');
  return true;
}
