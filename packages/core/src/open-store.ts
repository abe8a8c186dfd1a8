import { Call, type CallOptions, settle } from './call.ts';
import { bytes, type Codec } from './codec.ts';
import { Connection } from './connection.ts';
import { startDebugLog } from './debug-log.ts';
import type { DriverFactory } from './driver.ts';
import { checkDuration } from './duration.ts';
import { KvError } from './error.ts';
import { Store } from './store.ts';
import { callChannel } from './tracing.ts';
import { View } from './view.ts';

/** What holds for the whole store. */
export interface StoreOptions extends CallOptions {
  /** The deadline of every call that does not have its own, in milliseconds. Default 10,000. */
  readonly timeout?: number | undefined;
}

const defaultTimeout = 10_000;

/**
 * Connects to a backend: `await openStore(etcd({ endpoints }), { codec: json() })`. Resolves once the server has answered.
 *
 * @param options.signal Ends the attempt to connect, not the store.
 * @throws {KvError} `KV_UNAVAILABLE` or `KV_TIMEOUT` if no server answered within `timeout`, `KV_PERMISSION_DENIED` if it
 * refused the credentials, `KV_INVALID_ARGUMENT` if an option is wrong.
 */
export function openStore(driver: DriverFactory, options?: StoreOptions): Promise<Store>;
export function openStore<Out, In>(
  driver: DriverFactory,
  options: StoreOptions & { readonly codec: Codec<Out, In> },
): Promise<Store<Out, In>>;
export async function openStore<Out, In>(
  factory: DriverFactory,
  options: StoreOptions & { readonly codec?: Codec<Out, In> } = {},
): Promise<Store<Out, In>> {
  startDebugLog();
  const connect = async () => {
    const connection = await openConnection(factory, options);
    return new Store(new View(connection, '', options.codec ?? (bytes() as unknown as Codec<Out, In>)));
  };
  if (!callChannel.hasSubscribers) return connect();
  return callChannel.tracePromise(connect, { driver: factory.name, operation: 'openStore', retries: 0 });
}

async function openConnection(
  factory: DriverFactory,
  { timeout = defaultTimeout, signal }: StoreOptions,
): Promise<Connection> {
  const name = { operation: 'openStore', driver: factory.name, write: false };
  if (factory.driverApi !== 1) {
    throw new KvError(
      'KV_UNSUPPORTED',
      `the driver is written for version ${factory.driverApi} of the driver interface, and this @kv/core has version 1: install versions that fit together`,
    ).within(name);
  }
  signal?.throwIfAborted();
  try {
    const call = new Call(checkDuration('timeout', timeout), signal);
    const driver = await settle((async () => factory.connect(call))(), call, (late) => void late.close());
    return new Connection(driver, factory.name, timeout);
  } catch (error) {
    if (signal?.aborted && error === signal.reason) throw error;
    throw (
      KvError.is(error) ? error : new KvError('KV_INTERNAL', 'the driver failed in an unexpected way', { cause: error })
    ).within(name);
  }
}
