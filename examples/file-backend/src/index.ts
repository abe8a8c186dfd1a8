import type { DriverFactory } from '@kv/core';
import { FileDriver } from './driver.ts';
import { Log } from './log.ts';

export interface FilesOptions {
  /** The directory that the processes of this machine share. It must exist, on a local disk, and belong to this store alone. */
  readonly directory: string;
}

/** A backend on a plain directory of files. */
export function files({ directory }: FilesOptions): DriverFactory {
  return {
    name: 'files',
    driverApi: 1,
    connect: async () => new FileDriver(await Log.open(directory)),
  };
}
