import { setTimeout as delay } from 'node:timers/promises';
import type { Harness, HarnessClient } from '@kv/core/conformance';
import { Gate, MemoryServer, memory } from '@kv/core/memory';

/** The memory driver with every fault that it knows. With `latency`, its answers come later; without, at once. */
export function memoryHarness({ latency = 0, server = new MemoryServer() } = {}): Harness {
  const heal = async () => server.gate.open();
  const commit = (operation: Parameters<MemoryServer['commit']>[1][number]) => void server.commit([], [operation]);
  return {
    client: () => client(server, latency),
    versions: { memory: 'in this process' },
    raw: {
      get: async (key) => server.get(key)?.value,
      put: async (key, value) => commit({ type: 'put', key, value, lifetime: {} }),
      delete: async (key) => commit({ type: 'delete', key }),
    },
    faults: {
      restart: async () => {
        server.gate.cut();
        await delay(50);
        server.gate.open();
      },
      pause: async () => {
        server.gate.pause();
        return heal;
      },
      failover: async () => {
        server.gate.reset();
        return heal;
      },
      expireSession: async (id) => server.endSession(id),
      compact: async () => server.gate.reset(),
    },
    close: async () => {},
  };
}

function client(server: MemoryServer, latency: number): HarnessClient {
  const link = new Gate();
  link.latency = latency;
  const heal = async () => {
    link.open();
    link.latency = latency;
  };
  return {
    driver: memory({ server, link }),
    faults: {
      partition: async (mode) => {
        if (mode === 'refuse') link.cut();
        else link.pause();
        return heal;
      },
      reset: async () => link.reset(),
      latency: async (ms) => {
        link.latency = ms;
        return heal;
      },
    },
  };
}
