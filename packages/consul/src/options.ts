import { canonicalDirectory, KvError } from '@kv/core';

/** Where Consul is, and how to be let in. */
export interface ConsulOptions {
  /**
   * Where Consul answers: `http://host:port` or `https://host:port`, the local agent first. One is used at a time; when it cannot be
   * reached or does not answer in time, the next requests go to the next one. All must belong to one datacenter. Default:
   * `http://127.0.0.1:8500`.
   */
  readonly addresses?: readonly string[] | undefined;
  /** The directory on the server that the store is in: `root: 'app'` stores the key `a` as `app/a`. Default: everything. */
  readonly root?: string | undefined;
  /** The secret of an ACL token. Needs `key:write` below `root` and `session:write`. Default: none. */
  readonly token?: string | undefined;
  /** A file that has the token in it, instead of `token`. Read once, when the store is opened. Default: none. */
  readonly tokenFile?: string | undefined;
  /** Default: the datacenter of the agent. */
  readonly datacenter?: string | undefined;
  /** Consul Enterprise only: other servers refuse it when the store is opened. Default: that of the token. */
  readonly namespace?: string | undefined;
  /** Consul Enterprise only, since 1.11. Older servers do not know the word, and ignore it. Default: that of the agent. */
  readonly partition?: string | undefined;
  /** For `https:` addresses. Default: the certificate authorities that Node.js trusts, and no client certificate. */
  readonly tls?: ConsulTls | undefined;
}

/** Certificates and keys as PEM. */
export interface ConsulTls {
  /** The authorities that sign servers' certificates, instead of those that Node.js trusts. */
  readonly ca?: string | Uint8Array | undefined;
  /** The client's own certificate. Default: none. */
  readonly cert?: string | Uint8Array | undefined;
  /** Its private key. Default: none. */
  readonly key?: string | Uint8Array | undefined;
  /** The name that the server's certificate has to have. Default: the host of the address. */
  readonly serverName?: string | undefined;
}

/** Options that were checked. */
export interface Settings extends Omit<ConsulOptions, 'addresses' | 'root'> {
  readonly addresses: readonly URL[];
  /** Canonical: without slashes at its ends. */
  readonly root: string;
}

const known = new Set(['addresses', 'root', 'token', 'tokenFile', 'datacenter', 'namespace', 'partition', 'tls']);

/** @throws {KvError} `KV_INVALID_ARGUMENT`, `KV_INVALID_KEY` for the root. */
export function checkOptions(options: ConsulOptions): Settings {
  const unknown = Object.keys(options).find((name) => !known.has(name));
  if (unknown !== undefined) throw invalid(`there is no option \`${unknown}\``);
  for (const name of ['token', 'tokenFile', 'datacenter', 'namespace', 'partition'] as const) {
    const value = options[name];
    if (value !== undefined && (typeof value !== 'string' || value === '')) {
      throw invalid(`\`${name}\` must be a string that is not empty`);
    }
  }
  if (options.token !== undefined && options.tokenFile !== undefined) {
    throw invalid('`token` and `tokenFile` exclude each other');
  }
  const { addresses = ['http://127.0.0.1:8500'], root = '', tls } = options;
  if (!Array.isArray(addresses) || addresses.length === 0) throw invalid('`addresses` must be an array, not empty');
  const urls = addresses.map(checkAddress);
  if (tls !== undefined && !urls.every(({ protocol }) => protocol === 'https:')) {
    throw invalid('`tls` needs `https:` addresses');
  }
  if ((tls?.cert === undefined) !== (tls?.key === undefined)) throw invalid('`tls.cert` and `tls.key` need each other');
  return { ...options, addresses: urls, root: canonicalDirectory(root) };
}

// Messages do not show the address: it may have a password in it.
function checkAddress(address: string): URL {
  const url = URL.parse(address);
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
    throw invalid('each of `addresses` must be `http://host:port` or `https://host:port`');
  }
  if (url.pathname !== '/' || url.search !== '' || url.hash !== '' || url.username !== '' || url.password !== '') {
    throw invalid('`addresses` have a host and a port, and nothing else: no path, no query, no password');
  }
  return url;
}

function invalid(detail: string): KvError {
  return new KvError('KV_INVALID_ARGUMENT', `consul: ${detail}`);
}
