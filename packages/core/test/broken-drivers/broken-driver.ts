import type { Driver } from '@kv/core';
import type { MemoryServer } from '@kv/core/memory';

/**
 * The memory driver with one defect, and the case that must notice it. Each other file of this folder exports some as
 * `brokenDrivers`; `../broken-drivers.test.ts` runs them all.
 */
export interface BrokenDriver {
  /** The defect, in a few words. */
  readonly name: string;
  /** The id of a case that must fail. */
  readonly caughtBy: string;
  /** Puts the defect into one client's driver. `server` is what all clients of the case share. */
  breaks(driver: Driver, server: MemoryServer): Driver;
}

/** `driver` with some members replaced. */
export function replaced(driver: Driver, members: Partial<Driver>): Driver {
  return new Proxy(driver, {
    get(target, name) {
      const member: unknown = Reflect.get(Object.hasOwn(members, name) ? members : target, name);
      return typeof member === 'function' ? member.bind(target) : member;
    },
  });
}
