import type { DriverFactory } from '@kv/core';
import { connect } from './connect.ts';
import { type ConsulOptions, checkOptions } from './options.ts';

export type { ConsulOptions, ConsulTls } from './options.ts';

/**
 * A store in Consul: `await openStore(consul({ addresses: ['http://127.0.0.1:8500'] }))`.
 *
 * @throws {KvError} `KV_INVALID_ARGUMENT` for an option that is wrong, `KV_INVALID_KEY` for `root`.
 */
export function consul(options: ConsulOptions = {}): DriverFactory {
  const settings = checkOptions(options);
  return { name: 'consul', driverApi: 1, connect: (call) => connect(settings, call) };
}
