import { Buffer } from 'node:buffer';
import { type DriverFactory, KvError } from '@kv/core';
import { Client } from './client.ts';
import { EtcdDriver } from './driver.ts';
import { Keyspace } from './keyspace.ts';

/** PEM texts. */
export interface EtcdTls {
  /** The authorities that may have signed the server's certificate. Default: those that Node.js trusts. */
  readonly ca?: string | Uint8Array;
  /** The client's certificate, where the server asks for one. With `key`. */
  readonly cert?: string | Uint8Array;
  /** The private key of `cert`. */
  readonly key?: string | Uint8Array;
}

/** Where etcd is, and how to be let in. */
export interface EtcdOptions {
  /**
   * The members of one cluster, as `http://host:2379` or `https://host:2379`; without a port, 2379. The store uses the first
   * one that answers, and moves to another when that fails.
   */
  readonly endpoints: readonly string[];
  /** For `https` endpoints. Default: the authorities that Node.js trusts, and no client certificate. */
  readonly tls?: EtcdTls;
  /**
   * The user to log in as. The login is renewed when the server does not know it any more. On a cluster without
   * authentication it is not needed and does no harm. Default: none.
   */
  readonly login?: { readonly user: string; readonly password: string };
  /**
   * What the server's names of all keys begin with: with the root `/registry`, the key `a` is the server's `/registry/a`. It is
   * taken as it is, but for a slash that is put at its end. Default: none. At most 512 bytes.
   */
  readonly root?: string;
}

/**
 * etcd, version 3.4 or later: `await openStore(etcd({ endpoints: ['http://127.0.0.1:2379'] }))`.
 *
 * @throws {KvError} `KV_INVALID_ARGUMENT` if an option is wrong.
 */
export function etcd(options: EtcdOptions): DriverFactory {
  const { endpoints, tls, login, root = '' } = options;
  const addresses = checkedAddresses(endpoints, tls !== undefined);
  const certificates = addresses[0]?.startsWith('https') ? checkedTls(tls ?? {}) : undefined;
  if (login !== undefined && !(isText(login.user) && isText(login.password))) {
    throw invalid('`login` must have a `user` and a `password`, each a string that is not empty');
  }
  const keyspace = new Keyspace(checkedRoot(root));
  return {
    name: 'etcd',
    driverApi: 1,
    async connect(call) {
      const client = await Client.create({ addresses, tls: certificates, login });
      const onAbort = () => client.close();
      call.signal.addEventListener('abort', onAbort, { once: true });
      try {
        const driver = await EtcdDriver.open(client, keyspace, call);
        call.signal.throwIfAborted();
        return driver;
      } catch (error) {
        client.close();
        throw error;
      } finally {
        call.signal.removeEventListener('abort', onAbort);
      }
    },
  };
}

const endpointSyntax = /^(https?):\/\/(\[[\da-f:.]+\]|[^\s/:@?#[\]]+)(?::(\d{1,5}))?\/?$/i;
const longestRoot = 512;

function checkedAddresses(endpoints: readonly string[], tls: boolean): string[] {
  if (!Array.isArray(endpoints) || endpoints.length === 0) {
    throw invalid('`endpoints` must be a list of at least one URL, such as http://127.0.0.1:2379');
  }
  const parsed = endpoints.map((endpoint, i) => {
    const [, protocol = '', host = '', port = '2379'] = endpointSyntax.exec(endpoint) ?? [];
    if (protocol === '') {
      // Not quoted: a password may have been put into it.
      throw invalid(`\`endpoints[${i}]\` must be http://host:port or https://host:port`);
    }
    return { protocol: protocol.toLowerCase(), host, port };
  });
  const secure = parsed.filter(({ protocol }) => protocol === 'https').length;
  if (secure !== 0 && secure !== parsed.length) throw invalid('`endpoints` must be all http or all https');
  if (tls && secure === 0) throw invalid('`tls` needs endpoints with https');
  return [...new Set(parsed.map(({ protocol, host, port }) => `${protocol}://${host}:${port}`))];
}

function checkedTls({ ca, cert, key }: EtcdTls): { ca?: Buffer; cert?: Buffer; key?: Buffer } {
  if ((cert === undefined) !== (key === undefined)) throw invalid('`tls.cert` and `tls.key` go together');
  return {
    ...(ca !== undefined && { ca: Buffer.from(ca) }),
    ...(cert !== undefined && { cert: Buffer.from(cert) }),
    ...(key !== undefined && { key: Buffer.from(key) }),
  };
}

function checkedRoot(root: string): string {
  if (typeof root !== 'string' || !root.isWellFormed() || Buffer.byteLength(root) > longestRoot) {
    throw invalid(`\`root\` must be a string of at most ${longestRoot} bytes in UTF-8`);
  }
  return root === '' || root.endsWith('/') ? root : `${root}/`;
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}

function invalid(detail: string): KvError {
  return new KvError('KV_INVALID_ARGUMENT', detail);
}
