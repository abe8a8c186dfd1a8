import type { DriverFactory } from '@kv/core';

/** The driver for a URL. This is all that changes when the program moves to another backend. */
export async function openDriver(url: string): Promise<DriverFactory> {
  const { protocol, pathname } = new URL(url);
  switch (protocol) {
    case 'sqlite:': {
      const { sqlite } = await import('@kv/sqlite');
      return sqlite({ path: decodeURIComponent(pathname) });
    }
    default:
      throw new Error(`no backend for ${protocol}// — this example knows sqlite:///path/to/file.db`);
  }
}
