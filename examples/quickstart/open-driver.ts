import type { DriverFactory } from '@kv/core';

/** The driver for a URL. This is all that changes when the program moves to another backend. */
export async function openDriver(url: string): Promise<DriverFactory> {
  const { protocol, host, pathname } = new URL(url);
  switch (protocol) {
    case 'sqlite:': {
      const { sqlite } = await import('@kv/sqlite');
      return sqlite({ path: decodeURIComponent(pathname) });
    }
    case 'etcd:': {
      const { etcd } = await import('@kv/etcd');
      return etcd({ endpoints: [`http://${host}`], root: pathname });
    }
    case 'consul:': {
      const { consul } = await import('@kv/consul');
      return consul({ addresses: [`http://${host}`], root: pathname });
    }
    case 'zookeeper:': {
      const { zookeeper } = await import('@kv/zookeeper');
      return zookeeper({ servers: [host], root: pathname });
    }
    default:
      throw new Error(
        `no backend for ${protocol}//: there are sqlite:///path, and etcd, consul and zookeeper, each with ://host:port/root`,
      );
  }
}
