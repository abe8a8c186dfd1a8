import type { DriverFactory } from '../driver.ts';
import { Gate } from './gate.ts';
import { MemoryDriver } from './memory-driver.ts';
import { MemoryServer } from './memory-server.ts';

export { Gate } from './gate.ts';
export { MemoryServer } from './memory-server.ts';

/** What a store in memory shares with others. */
export interface MemoryOptions {
  /** Stores on the same server see each other. Default: a new one. */
  readonly server?: MemoryServer;
  /** The network between this client and the server, to switch faults on in tests. Default: a sound one. */
  readonly link?: Gate;
}

/** A store in the memory of this process: for tests, and the reference of what a driver does. */
export function memory({ server = new MemoryServer(), link = new Gate() }: MemoryOptions = {}): DriverFactory {
  return {
    name: 'memory',
    driverApi: 1,
    async connect() {
      if (!link.clear) await link.pass();
      if (!server.gate.clear) await server.gate.pass();
      return new MemoryDriver(server, link);
    },
  };
}
