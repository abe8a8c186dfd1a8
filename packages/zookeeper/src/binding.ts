import { isMainThread } from 'node:worker_threads';
import { KvError } from '@kv/core';
import {
  type Acl,
  anyVersion,
  type Connection,
  type ConnectionListener,
  type ConnectionOptions,
  type Created,
  type Features,
  type Node,
  type NodeKind,
  type Stat,
  type WatchEvent,
} from './connection.ts';
import { endSession, type SessionTicket } from './end-session.ts';
import { code, midway, requestError } from './errors.ts';

/** The binding of the npm client below its JavaScript, which would format each call for a log that nobody reads. */
interface Native {
  readonly state: number;
  readonly client_id: string;
  readonly client_password: string;
  readonly timeout: number;
  emit: (event: string, self: unknown, detail: unknown) => void;
  init(options: object): void;
  close(): void;
  set_servers(servers: string): number;
  add_auth(scheme: string, credentials: string, done: Callback): number;
  a_create(path: string, data: Uint8Array, flags: number, done: Callback): number;
  a_create_ttl(path: string, data: Uint8Array, flags: number, ttl: number, done: Callback): number;
  a_set(path: string, data: Uint8Array, version: number, done: Callback): number;
  a_set_acl(path: string, version: number, acl: readonly object[], done: Callback): number;
  a_delete_(path: string, version: number, done: Callback): number;
  a_get(path: string, watch: boolean, done: Callback): number;
  a_exists(path: string, watch: boolean, done: Callback): number;
  a_get_children(path: string, watch: boolean, done: Callback): number;
  a_sync(path: string, done: Callback): number;
  a_getconfig(watch: boolean, done: Callback): number;
}

type Callback = (code: number, message: string, first: unknown, second: unknown) => void;

const features: Features = Object.freeze({ multi: false, recursiveWatch: false });

/** The flags of the C client, in zookeeper.h. */
const flags = { persistent: 0, ephemeral: 1, 'ephemeral-sequential': 3, container: 4 } as const;
const persistentWithTtl = 5;

const openToAll: readonly Acl[] = [{ scheme: 'world', id: 'anyone', permissions: 31 }];

const noData = new Uint8Array();
/** The client writes to stderr, and errors have another way to be told. */
const noLog = 0;

/**
 * With its default of 10, the binding ends its own session when an answer arrives in more than so many pieces.
 * https://github.com/yfinkelstein/node-zookeeper: `response_counter_limit`
 */
const anyNumberOfPieces = 1_000_000_000;

/** Loads the npm client. @throws {KvError} `KV_UNSUPPORTED`, which says what to do, if its native part is missing. */
export async function loadBinding(): Promise<(options: ConnectionOptions, listener: ConnectionListener) => Connection> {
  if (!isMainThread) {
    throw new KvError(
      'KV_UNSUPPORTED',
      'the zookeeper add-on crashes in worker threads: use the main thread, or a process',
    );
  }
  let load: { readonly default: unknown };
  try {
    load = await import('zookeeper');
  } catch (error) {
    throw new KvError(
      'KV_UNSUPPORTED',
      'the native part of the package zookeeper cannot be loaded. It is compiled when it is installed, which needs make, g++ and ' +
        'python3 (Debian: apt-get install build-essential python3), and install scripts that are allowed to run. Then: ' +
        'with_sock_cloexec=yes npm rebuild zookeeper',
      { cause: error },
    );
  }
  const Client = load.default as new (options: object) => { readonly native: Native };
  return (options, listener) => new BoundConnection(() => new Client({}).native, options, listener);
}

/** A request that waits for its answer. Kept for the next one: making its callback is what costs. */
class Pending {
  resolve: (value: unknown) => void = () => {};
  reject: (error: unknown) => void = () => {};
  /** What the answer is turned into, where it is not a failure. */
  answer: (code: number, first: unknown, second: unknown) => unknown = () => undefined;
  /** How often the connection had had a server when the request was made, and whether it had one then. */
  servers = 0;
  readonly callback: Callback;

  constructor(onAnswer: (pending: Pending, code: number, first: unknown, second: unknown) => void) {
    this.callback = (code, _message, first, second) => onAnswer(this, code, first, second);
  }
}

class BoundConnection implements Connection {
  readonly features = features;
  connected = false;
  readonly #create: () => Native;
  readonly #options: ConnectionOptions;
  #native: Native;
  readonly #acl: readonly object[];
  readonly #isOpen: boolean;
  readonly #listener: ConnectionListener;
  readonly #idle: Pending[] = [];
  #over = false;
  #watchesLost = false;
  /** Of the credentials, or for the lack of them. */
  #refusal: KvError | undefined;
  /** Counts the servers that this connection has had. */
  #servers = 0;
  #attempt: NodeJS.Timeout | undefined;

  constructor(create: () => Native, options: ConnectionOptions, listener: ConnectionListener) {
    this.#create = create;
    this.#options = options;
    this.#acl = nativeAcl(options.acl ?? openToAll);
    this.#isOpen = options.acl === undefined;
    this.#listener = listener;
    this.#native = this.#start(undefined);
  }

  get sessionId(): string {
    return this.#native.client_id;
  }

  get timeout(): number {
    return this.#native.timeout;
  }

  create(path: string, data: Uint8Array, kind: NodeKind): Promise<Created> {
    const created = this.#send<Created>(asCreated, (done) =>
      typeof kind === 'string'
        ? this.#native.a_create(path, data, flags[kind], done)
        : this.#native.a_create_ttl(path, data, persistentWithTtl, kind.ttl, done),
    );
    return this.#isOpen ? created : this.#restrictCreated(created);
  }

  set(path: string, data: Uint8Array, version: number): Promise<Stat | 'no-node' | 'bad-version'> {
    return this.#send(asSet, (done) => this.#native.a_set(path, data, version, done));
  }

  remove(path: string, version: number): Promise<'removed' | 'no-node' | 'bad-version' | 'not-empty'> {
    return this.#send(asRemoved, (done) => this.#native.a_delete_(path, version, done));
  }

  read(path: string, watch: boolean): Promise<Node | undefined> {
    return this.#send(asNode, (done) => this.#native.a_get(path, watch, done));
  }

  stat(path: string, watch: boolean): Promise<Stat | undefined> {
    return this.#send(asFirst<Stat>, (done) => this.#native.a_exists(path, watch, done));
  }

  children(path: string, watch: boolean): Promise<string[] | undefined> {
    return this.#send(asFirst<string[]>, (done) => this.#native.a_get_children(path, watch, done));
  }

  sync(): Promise<void> {
    return this.#send(asNothing, (done) => this.#native.a_sync('/', done));
  }

  configuration(): Promise<string | undefined> {
    return this.#send(asConfiguration, (done) => this.#native.a_getconfig(false, done));
  }

  close(): void {
    if (this.#over) return;
    this.#over = true;
    const { ticket } = this;
    this.#leave();
    if (ticket !== undefined) void endSession(this.#options, ticket);
  }

  restrict(path: string): Promise<void> {
    return this.#send(asRestricted, (done) => this.#native.a_set_acl(path, anyVersion, this.#acl, done));
  }

  /** The binding can only create nodes that are open to everyone: what restricts them follows at once. */
  async #restrictCreated(pending: Promise<Created>): Promise<Created> {
    const created = await pending;
    // The list of a node that others have created is theirs to decide.
    if (typeof created === 'object') await midway(this.restrict(created.path));
    return created;
  }

  #send<T>(
    answer: (code: number, first: unknown, second: unknown) => T | typeof failed,
    request: (done: Callback) => number,
  ): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const pending = this.#idle.pop() ?? new Pending(this.#onAnswer);
      pending.resolve = resolve as (value: unknown) => void;
      pending.reject = reject;
      pending.answer = answer;
      pending.servers = this.connected ? -1 : this.#servers;
      const refusal = this.#over ? code.closing : request(pending.callback);
      if (refusal !== code.ok) reject(requestError(refusal, false));
      else if (this.connected && this.#native.state !== connectedState) this.#replace();
    });
  }

  /** Of the session, once there is one. */
  get ticket(): SessionTicket | undefined {
    const { client_id: id, client_password: password } = this.#native;
    return id === noSession ? undefined : { id, password };
  }

  /** @param ticket Of the session to go on with. */
  #start(ticket: SessionTicket | undefined): Native {
    const { servers, timeout } = this.#options;
    const native = this.#create();
    native.emit = (event, _self, detail) => this.#onNativeEvent(event, detail);
    native.init({
      connect: servers.join(','),
      timeout: Math.ceil(timeout),
      debug_level: noLog,
      host_order_deterministic: false,
      response_counter_limit: anyNumberOfPieces,
      ...(ticket !== undefined && { client_id: ticket.id, client_password: ticket.password }),
    });
    this.#attempt = setTimeout(() => this.#replace(), timeout * attemptShare);
    return native;
  }

  /**
   * Goes on with the session, through another client. A client that has lost its server is given up: when it reconnects, it may stop
   * polling a descriptor that has come to be another socket's of the process, which then stalls, or aborts the process.
   */
  #replace(): void {
    const { ticket } = this;
    const wasConnected = this.connected;
    this.#leave();
    later(() => {
      if (this.#over) return;
      if (wasConnected) this.#listener.disconnected();
      this.#watchesLost ||= wasConnected;
      this.#native = this.#start(ticket);
    });
  }

  /**
   * Frees the client, and its descriptor in the same turn in which the client has closed it: the event loop aborts the process when
   * it is about to poll one that is closed. The client would end the session itself if it had a server: it is sent to look for
   * another one before.
   */
  #leave(): void {
    clearTimeout(this.#attempt);
    this.connected = false;
    const native = this.#native;
    native.emit = () => {};
    if (native.state === connectedState) native.set_servers(nowhere);
    native.close();
  }

  readonly #onAnswer = (pending: Pending, result: number, first: unknown, second: unknown): void => {
    const { resolve, reject, answer, servers } = pending;
    this.#idle.push(pending);
    const value = answer(result, first, second);
    if (value !== failed) return resolve(value);
    if (result === code.loginRequired) this.#refusal = requestError(result, true);
    // It is told before anything else is looked at: nothing that was sent after it has been done.
    const error = this.#refusal ?? requestError(result, servers !== this.#servers);
    later(() => reject(error));
  };

  /** Called from within the client. */
  #onNativeEvent(event: string, detail: unknown): void {
    switch (event) {
      case 'connect':
        if (this.#options.login === undefined) this.#onServed();
        else this.#logIn(this.#options.login);
        break;
      case 'connecting':
        this.#replace();
        break;
      case 'close':
        this.connected = false;
        clearTimeout(this.#attempt);
        if (detail === authFailedState) this.#refusal = requestError(code.authFailed, false);
        later(() => this.#onEnded());
        break;
      case 'created':
      case 'deleted':
      case 'changed':
      case 'child':
        if (!this.#over) this.#listener.event(event satisfies WatchEvent, String(detail));
        break;
    }
  }

  /** Before anything else is sent. Not before there is a server: the client calls back when the first one fails, and never again. */
  #logIn({ user, password }: NonNullable<ConnectionOptions['login']>): void {
    const native = this.#native;
    native.add_auth('digest', `${user}:${password}`, (result) => {
      if (result === code.ok && native === this.#native && !this.#over) this.#onServed();
    });
    if (native.state !== connectedState) this.#replace();
  }

  #onServed(): void {
    clearTimeout(this.#attempt);
    this.#servers++;
    this.connected = true;
    later(() => this.#onConnected());
  }

  #onConnected(): void {
    if (!this.connected) return;
    this.#listener.connected();
    if (!this.#watchesLost) return;
    this.#watchesLost = false;
    this.#listener.watchesLost();
  }

  #onEnded(): void {
    if (this.#over) return;
    this.#over = true;
    this.#listener.ended(this.#refusal);
  }
}

const connectedState = 3;
const authFailedState = -113;
const noSession = '0';
/** Where no ZooKeeper is. */
const nowhere = '0.0.0.0:1';

/** The part of the session's time-out in which a server must be found: the client gives up one that is silent after 2/3. */
const attemptShare = 1 / 2;

const failed: unique symbol = Symbol('failed');

/** Not from within the client, which may be about to close its socket. */
function later(action: () => void): void {
  setImmediate(action);
}

const whyNotCreated: Readonly<Record<number, Exclude<Created, object>>> = {
  [code.nodeExists]: 'exists',
  [code.noNode]: 'no-parent',
  [code.noChildrenForEphemerals]: 'ephemeral-parent',
};

function asCreated(result: number, path: unknown): Created | typeof failed {
  return result === code.ok ? { path: path as string } : (whyNotCreated[result] ?? failed);
}

const whyNotSet: Readonly<Record<number, 'no-node' | 'bad-version'>> = {
  [code.noNode]: 'no-node',
  [code.badVersion]: 'bad-version',
};

function asSet(result: number, stat: unknown): Stat | 'no-node' | 'bad-version' | typeof failed {
  return result === code.ok ? (stat as Stat) : (whyNotSet[result] ?? failed);
}

function asRemoved(result: number): 'removed' | 'no-node' | 'bad-version' | 'not-empty' | typeof failed {
  if (result === code.ok) return 'removed';
  return result === code.notEmpty ? 'not-empty' : (whyNotSet[result] ?? failed);
}

function asNode(result: number, stat: unknown, data: unknown): Node | undefined | typeof failed {
  if (result === code.noNode) return undefined;
  if (result !== code.ok) return failed;
  if (data === null) return { stat: stat as Stat, data: noData };
  const { buffer, byteOffset, byteLength } = data as Uint8Array;
  return { stat: stat as Stat, data: new Uint8Array(buffer, byteOffset, byteLength) };
}

function asFirst<T>(result: number, first: unknown): T | undefined | typeof failed {
  if (result === code.noNode) return undefined;
  return result === code.ok ? (first as T) : failed;
}

function asNothing(result: number): undefined | typeof failed {
  return result === code.ok ? undefined : failed;
}

/** A node that is gone already needs no protection. */
function asRestricted(result: number): undefined | typeof failed {
  return result === code.ok || result === code.noNode ? undefined : failed;
}

function asConfiguration(result: number, _stat: unknown, data: unknown): string | undefined | typeof failed {
  if (result === code.noNode || result === code.noAuth) return undefined;
  if (result !== code.ok) return failed;
  return data === null ? '' : new TextDecoder().decode(data as Uint8Array);
}

function nativeAcl(acl: readonly Acl[]): readonly object[] {
  return acl.map(({ scheme, id, permissions }) => ({ scheme, auth: id, perm: permissions }));
}
