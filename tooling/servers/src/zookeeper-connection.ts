import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { Access, Address } from './server.ts';

const operations = { create: 1, delete: 2, exists: 3, getData: 4, setData: 5, setAcl: 7, getChildren: 8 } as const;
const closeSession = -11;
const authentication = { xid: -4, type: 100 };
const anyVersion = -1;
const noNode = -101;

/** What those may whom `scheme` and `id` name: the sum of read 1, write 2, create 4, delete 8, admin 16. */
export interface Acl {
  readonly scheme: string;
  readonly id: string;
  readonly permissions: number;
}
const all = 31;
const worldMayAll: Acl = { scheme: 'world', id: 'anyone', permissions: all };
const creatorMayAll: Acl = { scheme: 'auth', id: '', permissions: all };

export class ZooKeeperError extends Error {
  /** ZooKeeper's own code: -101 no node, -102 no authorisation, -110 node exists, … */
  readonly code: number;
  constructor(operation: string, path: string, code: number) {
    super(`ZooKeeper refused ${operation} ${path} with code ${code}`);
    this.code = code;
  }
}

function int(value: number): Buffer {
  const buffer = Buffer.alloc(4);
  buffer.writeInt32BE(value);
  return buffer;
}
function bytes(value: Uint8Array | string): Buffer {
  const content = Buffer.from(value as string);
  return Buffer.concat([int(content.length), content]);
}
function acl(entries: readonly Acl[]): Buffer {
  return Buffer.concat([
    int(entries.length),
    ...entries.flatMap(({ permissions, scheme, id }) => [int(permissions), bytes(scheme), bytes(id)]),
  ]);
}

const newSession: { readonly id: bigint; readonly password: Uint8Array } = { id: 0n, password: new Uint8Array(16) };

/** What ZooKeeperServer mixes into the password of each session. */
const superSecret = 0xb3415c00n;

/** With the generator of java.util.Random, as ZooKeeperServer does it. */
function sessionPassword(id: bigint): Uint8Array {
  const multiplier = 0x5deece66dn;
  let seed = BigInt.asUintN(48, id ^ superSecret ^ multiplier);
  const password = Buffer.alloc(16);
  for (let i = 0; i < password.length; i += 4) {
    seed = BigInt.asUintN(48, seed * multiplier + 0xbn);
    password.writeInt32LE(Number(BigInt.asIntN(32, seed >> 16n)), i);
  }
  return password;
}

/**
 * A session of its own for a few calls, one after the other: the truth from outside of the client under test. It sends
 * no heartbeats, so it ends 10 s after its last call.
 */
export class ZooKeeperConnection {
  readonly #socket: Socket;
  readonly #chunks: AsyncIterator<Buffer>;
  #received: Buffer = Buffer.alloc(0);
  #xid = 0;
  #loggedIn = false;

  private constructor(socket: Socket) {
    this.#socket = socket;
    this.#chunks = socket[Symbol.asyncIterator]();
  }

  static async open(address: Address, access: Access = {}, timeout = 5000): Promise<ZooKeeperConnection> {
    const connection = await ZooKeeperConnection.#greet(address, timeout, newSession);
    await connection.#receive();
    if (access.login) await connection.#logIn(access.login);
    return connection;
  }

  /**
   * Takes over a session and ends it. The server makes the password of the number of the session alone. Sent in one go, since its
   * owner takes it back as soon as it can.
   *
   * @returns Whether it has ended; not if the owner was faster.
   */
  static async endSession(address: Address, id: bigint, { login }: Access = {}): Promise<boolean> {
    const connection = await ZooKeeperConnection.#greet(address, 5000, { id, password: sessionPassword(id) });
    if (login !== undefined) connection.#sendLogin(login);
    connection.close();
    try {
      const greeting = await connection.#receive();
      const isUnknown = greeting.readInt32BE(4) === 0;
      if (!isUnknown && login !== undefined) await connection.#receive();
      return isUnknown || (await connection.#receive()).length > 0;
    } catch {
      return false;
    }
  }

  /** Connects and asks for a session. The answer is yet to come. */
  static async #greet(
    address: Address,
    timeout: number,
    { id, password }: typeof newSession,
  ): Promise<ZooKeeperConnection> {
    const socket = connect(address.port, address.host);
    socket.setTimeout(timeout, () => socket.destroy(new Error(`ZooKeeper did not answer within ${timeout} ms`)));
    const connection = new ZooKeeperConnection(socket);
    await once(socket, 'connect');
    const version = int(0);
    const lastTransaction = Buffer.alloc(8);
    const session = Buffer.alloc(8);
    session.writeBigUInt64BE(id);
    connection.#send(version, lastTransaction, int(10_000), session, bytes(password));
    return connection;
  }

  async #logIn(login: NonNullable<Access['login']>): Promise<void> {
    this.#sendLogin(login);
    const error = (await this.#receive()).readInt32BE(12);
    if (error !== 0) throw new ZooKeeperError('authentication of', login.user, error);
    this.#loggedIn = true;
  }

  #sendLogin({ user, password }: NonNullable<Access['login']>): void {
    const { xid, type } = authentication;
    this.#send(int(xid), int(type), int(0), bytes('digest'), bytes(`${user}:${password}`));
  }

  /** Without an ACL: for whoever is logged in, else for everyone. */
  async create(path: string, data: Uint8Array | string, entries?: readonly Acl[]): Promise<void> {
    entries ??= [this.#loggedIn ? creatorMayAll : worldMayAll];
    await this.#call('create', path, bytes(data), acl(entries), int(0));
  }

  async setData(path: string, data: Uint8Array | string): Promise<void> {
    await this.#call('setData', path, bytes(data), int(anyVersion));
  }

  /** `undefined` where there is no such node. */
  async getData(path: string): Promise<Buffer | undefined> {
    try {
      const reply = await this.#call('getData', path, Buffer.from([0])); // no watch
      const length = reply.readInt32BE();
      return reply.subarray(4, 4 + Math.max(length, 0));
    } catch (error) {
      if (error instanceof ZooKeeperError && error.code === noNode) return undefined;
      throw error;
    }
  }

  async getChildren(path: string): Promise<string[]> {
    const reply = await this.#call('getChildren', path, Buffer.from([0]));
    const children: string[] = [];
    for (let offset = 4; children.length < reply.readInt32BE(); ) {
      const end = offset + 4 + reply.readInt32BE(offset);
      children.push(reply.toString('utf8', offset + 4, end));
      offset = end;
    }
    return children;
  }

  async delete(path: string): Promise<void> {
    await this.#call('delete', path, int(anyVersion));
  }

  async setAcl(path: string, entries: readonly Acl[]): Promise<void> {
    await this.#call('setAcl', path, acl(entries), int(anyVersion));
  }

  close(): void {
    this.#xid += 1;
    this.#send(int(this.#xid), int(closeSession));
    this.#socket.end();
  }

  async #call(operation: keyof typeof operations, path: string, ...rest: Buffer[]): Promise<Buffer> {
    this.#xid += 1;
    this.#send(int(this.#xid), int(operations[operation]), bytes(path), ...rest);
    const reply = await this.#receive();
    const error = reply.readInt32BE(12);
    if (error !== 0) throw new ZooKeeperError(operation, path, error);
    return reply.subarray(16);
  }

  #send(...parts: Buffer[]): void {
    this.#socket.write(bytes(Buffer.concat(parts)));
  }

  /** The next frame. There is only ever one call at a time. */
  async #receive(): Promise<Buffer> {
    for (;;) {
      if (this.#received.length >= 4) {
        const end = 4 + this.#received.readInt32BE();
        if (this.#received.length >= end) {
          const frame = this.#received.subarray(4, end);
          this.#received = this.#received.subarray(end);
          return frame;
        }
      }
      const { done, value: chunk } = await this.#chunks.next();
      if (done) throw new Error('ZooKeeper closed the connection');
      this.#received = Buffer.concat([this.#received, chunk]);
    }
  }
}
