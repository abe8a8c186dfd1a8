import { type Driver, openStore, type Store, type StoreOptions } from '@kv/core';
import { MemoryServer, memory } from '@kv/core/memory';
import { replaced } from './broken-drivers/broken-driver.ts';

/** A store on the memory driver, some of whose members are played by the test. */
export function fakeStore(
  members: (memory: Driver) => Partial<Driver>,
  { server = new MemoryServer(), ...options }: StoreOptions & { readonly server?: MemoryServer } = {},
): Promise<Store> {
  const sound = memory({ server });
  const connect: typeof sound.connect = async (call) => {
    const driver = await sound.connect(call);
    return replaced(driver, members(driver));
  };
  return openStore({ ...sound, name: 'fake', connect }, options);
}
