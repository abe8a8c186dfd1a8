import type { Driver, DriverFactory } from '../driver.ts';

/** A driver that writes down which of its members are called: a call that is refused before any I/O leaves no trace. */
export function recorded(factory: DriverFactory): { readonly driver: DriverFactory; readonly calls: string[] } {
  const calls: string[] = [];
  const record = (driver: Driver) =>
    new Proxy(driver, {
      get(target, name) {
        const member: unknown = Reflect.get(target, name);
        if (typeof member !== 'function') return member;
        return (...args: unknown[]) => {
          calls.push(String(name));
          return member.apply(target, args);
        };
      },
    });
  const driver = { ...factory, connect: async (call) => record(await factory.connect(call)) } satisfies DriverFactory;
  return { driver, calls };
}
