import type { Harness } from '@kv/core/conformance';
import { consulCall, type Deployment, proxiedClient, serverFaults } from '@kv-tooling/servers';
import { type ConsulOptions, consul } from '../src/index.ts';

/** What a client needs to log in. */
export function accessOptions({ client }: Deployment): ConsulOptions {
  const { tls, token } = client;
  // The proxies are on this machine; the servers' certificates are for it too.
  return { ...(tls !== undefined && { tls }), ...(token !== undefined && { token }) };
}

/** Each client behind a proxy of its own. On clusters a client knows all servers, each behind its proxy. */
export function consulHarness(deployment: Deployment, root = 'app/conformance'): Harness {
  const [server] = deployment.servers;
  if (server === undefined) throw new Error('the deployment has no server');
  const raw = async (method: 'GET' | 'PUT' | 'DELETE', path: string, body?: Uint8Array) => {
    const { status, body: text } = await consulCall(
      server,
      deployment.admin,
      method,
      path,
      body && new TextDecoder().decode(body),
    );
    if (status !== 200 && status !== 404) throw new Error(`Consul answered ${method} ${path} with ${status}`);
    return status === 404 ? undefined : text;
  };
  const transact = (operation: object) =>
    raw('PUT', '/v1/txn', new TextEncoder().encode(JSON.stringify([{ KV: operation }])));
  const base64 = (value: Uint8Array) => Buffer.from(value).toString('base64');
  return {
    client: () =>
      proxiedClient(deployment, (proxies) => {
        const scheme = deployment.client.tls === undefined ? 'http' : 'https';
        const addresses = proxies.map(({ host, port }) => `${scheme}://${host}:${port}`);
        return consul({ addresses, root, ...accessOptions(deployment) });
      }),
    versions: { consul: deployment.version },
    raw: {
      get: async (key) => {
        const found = await raw('GET', `/v1/kv/${encodeURIComponent(`${root}/${key}`)}?consistent`);
        if (found === undefined) return undefined;
        return new Uint8Array(Buffer.from(JSON.parse(found)[0].Value ?? '', 'base64'));
      },
      put: async (key, value) => {
        await transact({ Verb: 'set', Key: `${root}/${key}`, Value: base64(value) });
      },
      delete: async (key) => {
        await transact({ Verb: 'delete', Key: `${root}/${key}` });
      },
    },
    faults: {
      ...serverFaults(deployment),
      expireSession: async (id) => {
        await raw('PUT', `/v1/session/destroy/${id}`);
      },
    },
    close: () => deployment.remove(),
  };
}
