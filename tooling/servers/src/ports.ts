import { once } from 'node:events';
import { createServer } from 'node:net';

/**
 * A port that nothing listens on. Below the range from which the kernel takes the ports of outgoing connections (on Linux
 * it starts at 32768): a server that was killed finds its port still free when it is started again.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = 12_000 + Math.floor(Math.random() * 20_000);
    const probe = createServer().listen(port);
    try {
      await once(probe, 'listening');
      return port;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    } finally {
      probe.close();
    }
  }
}
