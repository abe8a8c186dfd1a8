import type { Harness } from '@kv/core/conformance';
import {
  type Deployment,
  poll,
  proxiedClient,
  serverFaults,
  ZooKeeperConnection,
  ZooKeeperError,
} from '@kv-tooling/servers';
import { type ZooKeeperOptions, zookeeper } from '../src/index.ts';

/** What a client of this deployment needs: to log in, and how often its servers look for what is over. */
export function optionsFor({ client }: Deployment): Omit<ZooKeeperOptions, 'servers'> {
  const sessionTimeout = { minMs: 2_000, maxMs: 40_000 };
  return { ttlCheckInterval: 500, sessionTimeout, ...(client.login !== undefined && { login: client.login }) };
}

/** Each client behind proxies of its own, one for each server. */
export function zooKeeperHarness(deployment: Deployment, root: string): Harness {
  const { servers, client } = deployment;
  const [server] = servers as [(typeof servers)[0]];
  const pathOf = (key: string) => (root === '' ? `/${key}` : `/${root}/${key}`);
  const using = async <T>(action: (connection: ZooKeeperConnection) => Promise<T>): Promise<T> => {
    const connection = await ZooKeeperConnection.open(server, client);
    try {
      return await action(connection);
    } finally {
      connection.close();
    }
  };
  return {
    client: () =>
      proxiedClient(deployment, (proxies) => {
        const addresses = proxies.map(({ host, port }) => `${host}:${port}`);
        return zookeeper({ servers: addresses, root, ...optionsFor(deployment) });
      }),
    versions: { zookeeper: deployment.version },
    raw: {
      get: async (key) => {
        const data = await using((connection) => connection.getData(pathOf(key)));
        return data && new Uint8Array(data);
      },
      put: (key, value) => using((connection) => putRaw(connection, pathOf(key), value)),
      delete: (key) => using((connection) => unless(noNode, connection.delete(pathOf(key)))),
    },
    faults: {
      ...serverFaults(deployment),
      expireSession: async (id) => {
        await poll('the session ends', () => ZooKeeperConnection.endSession(server, BigInt(`0x${id}`), client));
      },
    },
    close: () => deployment.remove(),
  };
}

const noNode = -101;
const nodeExists = -110;

async function putRaw(connection: ZooKeeperConnection, path: string, value: Uint8Array): Promise<void> {
  for (let end = path.indexOf('/', 1); end !== -1; end = path.indexOf('/', end + 1)) {
    await unless(nodeExists, connection.create(path.slice(0, end), ''));
  }
  await unless(nodeExists, connection.create(path, value));
  await connection.setData(path, value);
}

async function unless(code: number, pending: Promise<void>): Promise<void> {
  try {
    await pending;
  } catch (error) {
    if (!(error instanceof ZooKeeperError && error.code === code)) throw error;
  }
}
