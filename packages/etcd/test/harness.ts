import type { Harness } from '@kv/core/conformance';
import { type Deployment, etcdCall, proxiedClient, serverFaults } from '@kv-tooling/servers';
import { type EtcdOptions, etcd } from '../src/index.ts';

/** What a client needs to log in. */
export function accessOptions({ client }: Deployment): Omit<EtcdOptions, 'endpoints'> {
  const { tls, login } = client;
  return { ...(tls !== undefined && { tls }), ...(login !== undefined && { login }) };
}

/** Each client behind proxies of its own, one for each server. */
export function etcdHarness(deployment: Deployment, root: string): Harness {
  const { servers, admin } = deployment;
  const base64 = (bytes: string | Uint8Array) => Buffer.from(bytes).toString('base64');
  const named = (key: string) => base64(root === '' ? key : `${root}/${key}`);
  const call = (path: string, body: object) => etcdCall(servers[0] as (typeof servers)[0], admin, path, body);
  return {
    client: () =>
      proxiedClient(deployment, (proxies) => {
        const scheme = deployment.client.tls === undefined ? 'http' : 'https';
        const endpoints = proxies.map(({ host, port }) => `${scheme}://${host}:${port}`);
        return etcd({ endpoints, root, ...accessOptions(deployment) });
      }),
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
      ...serverFaults(deployment),
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
