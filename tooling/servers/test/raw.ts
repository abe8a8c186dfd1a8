import { type Access, type Address, consulCall, etcdCall, type Kind, ZooKeeperConnection } from '../src/index.ts';

/** A key's value, asked of the server without any client library. */
interface Raw {
  write(server: Address, access: Access, key: string, value: string): Promise<void>;
  read(server: Address, access: Access, key: string): Promise<string | undefined>;
}

const base64 = (text: string) => Buffer.from(text).toString('base64');

async function inZooKeeper<T>(server: Address, access: Access, work: (zooKeeper: ZooKeeperConnection) => Promise<T>) {
  const connection = await ZooKeeperConnection.open(server, access);
  try {
    return await work(connection);
  } finally {
    connection.close();
  }
}

export const raw: Record<Kind, Raw> = {
  etcd: {
    async write(server, access, key, value) {
      await etcdCall(server, access, '/v3/kv/put', { key: base64(key), value: base64(value) });
    },
    async read(server, access, key) {
      const { kvs } = await etcdCall(server, access, '/v3/kv/range', { key: base64(key) });
      const [pair] = (kvs ?? []) as { value: string }[];
      return pair && Buffer.from(pair.value, 'base64').toString();
    },
  },
  consul: {
    async write(server, access, key, value) {
      const { status, body } = await consulCall(server, access, 'PUT', `/v1/kv/${key}`, value);
      if (status !== 200) throw new Error(`Consul answered ${status}: ${body}`);
    },
    async read(server, access, key) {
      const { status, body } = await consulCall(server, access, 'GET', `/v1/kv/${key}?raw&consistent`);
      if (status !== 200 && status !== 404) throw new Error(`Consul answered ${status}: ${body}`);
      return status === 200 ? body : undefined;
    },
  },
  zookeeper: {
    async write(server, access, key, value) {
      await inZooKeeper(server, access, async (zooKeeper) => {
        if ((await zooKeeper.getData(`/${key}`)) === undefined) await zooKeeper.create(`/${key}`, value);
        else await zooKeeper.setData(`/${key}`, value);
      });
    },
    read: (server, access, key) =>
      inZooKeeper(server, access, async (zooKeeper) => (await zooKeeper.getData(`/${key}`))?.toString()),
  },
};
