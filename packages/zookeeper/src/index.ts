import { Buffer } from 'node:buffer';
import { type Capabilities, type DriverFactory, KvError } from '@kv/core';
import { loadBinding } from './binding.ts';
import { longestTtlMs } from './bound.ts';
import type { Acl } from './connection.ts';
import { ZooKeeperDriver } from './driver.ts';
import { Keyspace } from './keyspace.ts';
import { Link } from './link.ts';
import { hasTtlNodes } from './ttl-nodes.ts';

/** An entry of an access control list: who may do what with a node. */
export interface ZooKeeperAcl {
  /** `world`, `auth`, `digest`, `ip`, or another one that the servers know. */
  readonly scheme: string;
  /** Whom it names: `anyone` of the scheme `world`, the empty string of `auth`, `user:base64(sha1(user:password))` of `digest`. */
  readonly id: string;
  /** What they may do. */
  readonly permissions: readonly ZooKeeperPermission[];
}

/** What ZooKeeper lets a list grant: to read the node, to set its data, to create or to delete children, to set the list. */
export type ZooKeeperPermission = 'read' | 'write' | 'create' | 'delete' | 'admin';

/** Where the servers are, and how to use them. */
export interface ZooKeeperOptions {
  /** Members of one ensemble, as `host:2181`; without a port, 2181. The store uses one of them, and moves to another when that fails. */
  readonly servers: readonly string[];
  /**
   * A path below which all keys are, as `/app/config`: with it, the key `a` is the node `/app/config/a`. Nodes on the way to it are
   * made when they are missing. Default: none. At most 512 bytes.
   */
  readonly root?: string;
  /** For the scheme `digest`. ZooKeeper has no users of its own: it knows whoever a node's access control list names. Default: none. */
  readonly login?: { readonly user: string; readonly password: string };
  /** Of nodes that the store creates. Default: with `login`, all rights for this user alone; without, all rights for everyone. */
  readonly acl?: readonly ZooKeeperAcl[];
  /**
   * How often, in milliseconds, the servers look for keys whose `ttl` is over: their `znode.container.checkIntervalMs`. It bounds the
   * shortest `ttl`, and how late a key may go. Default: 60,000, which is theirs.
   */
  readonly ttlCheckInterval?: number;
  /**
   * The shortest and the longest session, in milliseconds, that the servers grant: their `minSessionTimeout` and `maxSessionTimeout`.
   * Default: 4,000 and 40,000, which are theirs.
   */
  readonly sessionTimeout?: { readonly minMs: number; readonly maxMs: number };
}

/**
 * ZooKeeper, version 3.5 or later: `await openStore(zookeeper({ servers: ['127.0.0.1:2181'] }))`.
 *
 * @throws {KvError} `KV_INVALID_ARGUMENT` if an option is wrong.
 */
export function zookeeper(options: ZooKeeperOptions): DriverFactory {
  const { servers, root = '', login, acl, ttlCheckInterval = 60_000, sessionTimeout = defaultSessions } = options;
  const addresses = checkedServers(servers);
  const keyspace = new Keyspace(checkedRoot(root));
  if (login !== undefined && !(isText(login.user) && isText(login.password) && !login.user.includes(':'))) {
    throw invalid('`login` must have a `user`, without a colon, and a `password`, each a string that is not empty');
  }
  if (!(Number.isInteger(ttlCheckInterval) && ttlCheckInterval > 0 && ttlCheckInterval <= longestTtlMs)) {
    throw invalid(`\`ttlCheckInterval\` must be a whole number of milliseconds, from 1 to ${longestTtlMs}`);
  }
  const { minMs, maxMs } = sessionTimeout;
  if (!(minMs > 0 && minMs <= maxMs && maxMs <= longestSessionMs)) {
    throw invalid(
      `\`sessionTimeout\` must have a \`minMs\` and a \`maxMs\` that is no shorter, up to ${longestSessionMs}`,
    );
  }
  const capabilities = capabilitiesOf({ minMs, maxMs }, ttlCheckInterval);
  const entries = acl === undefined ? login && creatorOnly : checkedAcl(acl);
  const connectionOptions = { servers: addresses, timeout: ownTimeout, login, acl: entries };
  return {
    name: 'zookeeper',
    driverApi: 1,
    async connect(call) {
      const open = await loadBinding();
      const link = new Link(open, connectionOptions);
      const onAbort = () => link.close();
      call.signal.addEventListener('abort', onAbort, { once: true });
      try {
        const connection = await link.ready(call, connectShare);
        const [hasTtl] = await Promise.all([hasTtlNodes(connection), link.lookAround()]);
        call.signal.throwIfAborted();
        return new ZooKeeperDriver(link, keyspace, open, connectionOptions, capabilities(hasTtl));
      } catch (error) {
        link.close();
        throw error;
      } finally {
        call.signal.removeEventListener('abort', onAbort);
      }
    },
  };
}

/**
 * Of the session that everything but sessions and locks goes through, in milliseconds. Its client counts a silent server as gone after
 * two thirds of it, and tries to connect every third.
 */
const ownTimeout = 6_000;

/** The part of the time for `openStore` after which it is told that there is no server: core does not try again. */
const connectShare = 0.9;

const defaultSessions = { minMs: 4_000, maxMs: 40_000 };
/** The client multiplies it by 2, as an int32. */
const longestSessionMs = 1_000_000_000;

function capabilitiesOf(
  sessions: { readonly minMs: number; readonly maxMs: number },
  checkInterval: number,
): (hasTtl: boolean) => Capabilities {
  // The server counts time in ticks, and the time-outs of all sessions anew when another one has come to lead.
  const session = Object.freeze({ ...sessions, latestFactor: 3 });
  return (hasTtl) =>
    Object.freeze({
      // Gone at the next check after its time.
      ttl: hasTtl && Object.freeze({ minMs: checkInterval, maxMs: longestTtlMs, latestFactor: 2.5 }),
      ...(!hasTtl && {
        unsupported: Object.freeze({ ttl: 'set `extendedTypesEnabled=true` in the configuration of each server' }),
      }),
      session,
      // The server takes 1 MiB less one byte (jute.maxbuffer), path and access control list included.
      maxValueBytes: 1024 * 1024 - 4096,
      transaction: false,
      watch: 'latest-state',
      lock: Object.freeze({ fair: true }),
      compareAndSet: 'version',
      atomicTrees: false,
    });
}

const serverSyntax = /^(\[[\da-f:.]+\]|[^\s/:@?#,[\]]+)(?::(\d{1,5}))?$/i;
const longestRoot = 512;
const creatorOnly: readonly Acl[] = [{ scheme: 'auth', id: '', permissions: 31 }];
const permissionBits: Readonly<Record<ZooKeeperPermission, number>> = {
  read: 1,
  write: 2,
  create: 4,
  delete: 8,
  admin: 16,
};

function checkedServers(servers: readonly string[]): string[] {
  if (!Array.isArray(servers) || servers.length === 0) {
    throw invalid('`servers` must be a list of at least one address, such as 127.0.0.1:2181');
  }
  const addresses = servers.map((server, i) => {
    const [, host, port = '2181'] = serverSyntax.exec(server) ?? [];
    if (host === undefined) throw invalid(`\`servers[${i}]\` must be host:port`);
    return `${host}:${port}`;
  });
  return [...new Set(addresses)];
}

/** As ZooKeeper allows paths, and without a slash at its end. */
function checkedRoot(root: string): string {
  if (root === '' || root === '/') return '';
  if (typeof root !== 'string' || !root.isWellFormed() || Buffer.byteLength(root) > longestRoot) {
    throw invalid(`\`root\` must be a string of at most ${longestRoot} bytes in UTF-8`);
  }
  const path = `/${root.replace(/^\/|\/$/g, '')}`;
  const names = path.slice(1).split('/');
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for.
  const forbidden = /[\u0000-\u001f\u007f-\u009f\ud800-\uf8ff\ufff0-\uffff]/;
  if (names.some((name) => name === '' || name === '.' || name === '..') || forbidden.test(path)) {
    throw invalid('`root` must be a path that ZooKeeper allows');
  }
  return path;
}

function checkedAcl(acl: readonly ZooKeeperAcl[]): Acl[] {
  if (!Array.isArray(acl) || acl.length === 0) throw invalid('`acl` must be a list of at least one entry');
  return acl.map(({ scheme, id, permissions }, i) => {
    const bits = Array.isArray(permissions) ? permissions.map((name: ZooKeeperPermission) => permissionBits[name]) : [];
    if (!isText(scheme) || typeof id !== 'string' || bits.length === 0 || bits.some((bit) => bit === undefined)) {
      throw invalid(`\`acl[${i}]\` must have a \`scheme\`, an \`id\` and \`permissions\``);
    }
    return { scheme, id, permissions: bits.reduce((sum, bit) => sum | bit, 0) };
  });
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}

function invalid(detail: string): KvError {
  return new KvError('KV_INVALID_ARGUMENT', detail);
}
