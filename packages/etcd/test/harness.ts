import type { Harness, HarnessClient } from '@kv/core/conformance';
import { type Deployment, etcdCall, FaultProxy } from '@kv-tooling/servers';
import { type EtcdOptions, etcd } from '../src/index.ts';

/** What a client needs to log in. */
export function accessOptions({ client }: Deployment): Omit<EtcdOptions, 'endpoints'> {
  const { tls, login } = client;
  return { ...(tls !== undefined && { tls }), ...(login !== undefined && { login }) };
}

/** Each client behind proxies of its own, one for each server. */
export function etcdHarness(deployment: Deployment, root: string): Harness {
  const { servers, admin, faults } = deployment;
  const base64 = (bytes: string | Uint8Array) => Buffer.from(bytes).toString('base64');
  const named = (key: string) => base64(root === '' ? key : `${root}/${key}`);
  const call = (path: string, body: object) => etcdCall(servers[0] as (typeof servers)[0], admin, path, body);
  const each = async (action: (server: (typeof servers)[0]) => Promise<void>) => {
    await Promise.all(servers.map(action));
  };
  return {
    client: () => openClient(deployment, root),
    versions: { etcd: deployment.version },
    raw: {
      get: async (key) => {
        const { kvs } = await call('/v3/kv/range', { key: named(key) });
        const [kv] = (kvs ?? []) as { value?: string }[];
        return kv && new Uint8Array(Buffer.from(kv.value ?? '', 'base64'));
      },
      put: async (key, value) => {
        await call('/v3/kv/put', { key: named(key), value: base64(value) });
      },
      delete: async (key) => {
        await call('/v3/kv/deleterange', { key: named(key) });
      },
    },
    faults: {
      ...(faults.restart && {
        restart: async () => {
          await each((server) => server.kill());
          await each((server) => server.start());
        },
      }),
      ...(faults.freeze && {
        pause: async () => {
          await each((server) => server.freeze());
          return () => each((server) => server.thaw());
        },
      }),
      ...(faults.restart &&
        servers.length > 1 && {
          failover: async () => {
            const leader = await deployment.leader();
            await leader.kill();
            await deployment.leader();
            return () => leader.start();
          },
        }),
      expireSession: async (id) => {
        await call('/v3/lease/revoke', { ID: BigInt(`0x${id}`).toString() });
      },
      compact: async () => {
        const { header } = await call('/v3/kv/range', { key: base64('\0') });
        await call('/v3/kv/compaction', { revision: (header as { revision: string }).revision, physical: true });
      },
    },
    close: () => deployment.remove(),
  };
}

async function openClient(deployment: Deployment, root: string): Promise<HarnessClient> {
  const proxies = await Promise.all(deployment.servers.map((server) => FaultProxy.open(server)));
  const scheme = deployment.client.tls === undefined ? 'http' : 'https';
  const endpoints = proxies.map(({ host, port }) => `${scheme}://${host}:${port}`);
  const heal = async () => {
    await Promise.all(proxies.map((proxy) => proxy.heal()));
  };
  return {
    driver: etcd({ endpoints, root, ...accessOptions(deployment) }),
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
    close: async () => {
      await Promise.all(proxies.map((proxy) => proxy.close()));
    },
  };
}
