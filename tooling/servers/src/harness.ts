import type { DriverFactory } from '@kv/core';
import type { HarnessClient, ServerFaults } from '@kv/core/conformance';
import { FaultProxy } from './fault-proxy.ts';
import type { Address, Deployment } from './server.ts';

/** The faults that a harness of the conformance suite can offer on this deployment, whichever servers it has. */
export function serverFaults({ servers, faults, leader }: Deployment): ServerFaults {
  return {
    ...(faults.restart && {
      restart: async () => {
        await Promise.all(servers.map((server) => server.kill()));
        await Promise.all(servers.map((server) => server.start()));
      },
    }),
    ...(faults.freeze && {
      pause: async () => {
        await Promise.all(servers.map((server) => server.freeze()));
        return async () => void (await Promise.all(servers.map((server) => server.thaw())));
      },
    }),
    ...(faults.restart &&
      servers.length > 1 && {
        failover: async () => {
          const first = await leader();
          await first.kill();
          await leader();
          return () => first.start();
        },
      }),
  };
}

/**
 * A client for the conformance suite that has a fault proxy of its own before each server.
 *
 * @param driver Makes the driver, given where the proxies are.
 */
export async function proxiedClient(
  { servers }: Deployment,
  driver: (proxies: readonly Address[]) => DriverFactory,
): Promise<HarnessClient> {
  const proxies = await Promise.all(servers.map((server) => FaultProxy.open(server)));
  const heal = async () => void (await Promise.all(proxies.map((proxy) => proxy.heal())));
  return {
    driver: driver(proxies),
    faults: {
      partition: async (mode) => {
        await Promise.all(proxies.map((proxy) => (mode === 'refuse' ? proxy.cut() : proxy.hold())));
        return heal;
      },
      reset: async () => {
        for (const proxy of proxies) proxy.reset();
      },
      latency: async (latency) => {
        for (const proxy of proxies) proxy.slow({ latency });
        return heal;
      },
    },
    close: async () => void (await Promise.all(proxies.map((proxy) => proxy.close()))),
  };
}
