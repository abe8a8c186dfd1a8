import { compareKeys, type Driver, type ListRequest, type StoredPair } from '@kv/core';
import type { MemoryServer } from '@kv/core/memory';
import { type BrokenDriver, replaced } from './broken-driver.ts';

/** Reads that give whatever keys `select` chooses, in its order. */
function listing(
  driver: Driver,
  server: MemoryServer,
  select: (directory: string, request: ListRequest) => readonly string[],
): Driver {
  return replaced(driver, {
    keys: (directory, request) => ({ items: select(directory, request) }),
    list: (directory, request) => ({
      items: select(directory, request).map((key) => server.get(key) as StoredPair),
    }),
  });
}

function below(server: MemoryServer, directory: string, { recursive, after = '', limit }: ListRequest): string[] {
  return [...server.keys(directory)]
    .filter((key) => compareKeys(key, after) > 0)
    .filter((key) => recursive || !key.slice(directory.length + 1).includes('/'))
    .slice(0, limit);
}

export const brokenDrivers: readonly BrokenDriver[] = [
  {
    name: 'lists `ab` under `a`',
    caughtBy: 'list/gives-all-depths-below-a-directory-and-nothing-beside-it',
    breaks: (driver, server) =>
      listing(driver, server, (directory) => [...server.keys('')].filter((key) => key.startsWith(directory))),
  },
  {
    name: 'lists the directory itself',
    caughtBy: 'list/gives-all-depths-below-a-directory-and-nothing-beside-it',
    breaks: (driver, server) =>
      listing(driver, server, (directory, request) => [
        ...(server.get(directory) === undefined ? [] : [directory]),
        ...below(server, directory, request),
      ]),
  },
  {
    name: 'orders keys by UTF-16 units',
    caughtBy: 'list/orders-by-utf-8-bytes',
    breaks: (driver, server) =>
      listing(driver, server, (directory, request) => below(server, directory, request).sort()),
  },
  {
    name: 'orders keys by walking the tree',
    caughtBy: 'list/orders-by-utf-8-bytes',
    breaks: (driver, server) =>
      listing(driver, server, (directory, request) =>
        below(server, directory, request).sort((a, b) => compareKeys(a.replaceAll('/', '\0'), b.replaceAll('/', '\0'))),
      ),
  },
  {
    name: 'lists directories as keys when not recursive',
    caughtBy: 'list/not-recursive-gives-the-next-level-alone',
    breaks: (driver, server) =>
      replaced(driver, {
        keys: (directory, request) => {
          const deep = below(server, directory, { ...request, recursive: true });
          const cut = (key: string) => key.split('/', directory.split('/').length + 1).join('/');
          return { items: request.recursive ? deep : [...new Set(deep.map(cut))].slice(0, request.limit) };
        },
      }),
  },
  {
    name: 'ignores `limit`',
    caughtBy: 'list/limit-gives-the-first-ones',
    breaks: (driver, server) =>
      listing(driver, server, (directory, { limit: _, ...request }) => below(server, directory, request)),
  },
  {
    name: 'begins a page with the key that it is to come after',
    caughtBy: 'list/after-goes-on-behind-a-key',
    breaks: (driver, server) =>
      listing(driver, server, (directory, { after = '', limit, ...request }) =>
        below(server, directory, request)
          .filter((key) => compareKeys(key, after) >= 0)
          .slice(0, limit),
      ),
  },
  {
    name: 'loses the first key of every later page',
    caughtBy: 'list/gives-hundreds-of-keys',
    breaks: (driver) =>
      replaced(driver, {
        list: async (directory, request, call) => {
          const page = await driver.list(directory, request, call);
          return request.cursor === undefined ? page : { ...page, items: page.items.slice(1) };
        },
      }),
  },
  {
    name: 'ignores `after` where there is a limit',
    caughtBy: 'model/random-calls-do-what-they-do-in-memory',
    breaks: (driver, server) =>
      listing(driver, server, (directory, { after, ...request }) =>
        below(server, directory, request.limit === undefined && after !== undefined ? { ...request, after } : request),
      ),
  },
  {
    name: 'deletes `ab` with the tree `a`',
    caughtBy: 'delete-tree/removes-exactly-what-list-lists',
    breaks: (driver, server) =>
      replaced(driver, {
        deleteTree: (directory) => {
          const doomed = [...server.keys('')].filter((key) => key.startsWith(directory) && key !== directory);
          for (const key of doomed) server.commit([], [{ type: 'delete', key }]);
        },
      }),
  },
  {
    name: 'deletes a tree key by key, though it says that trees are atomic',
    caughtBy: 'delete-tree/is-seen-whole-or-not-at-all',
    breaks: (driver, server) =>
      replaced(driver, {
        deleteTree: async (directory) => {
          for (const key of [...server.keys(directory)]) {
            await null;
            server.commit([], [{ type: 'delete', key }]);
          }
        },
      }),
  },
];
