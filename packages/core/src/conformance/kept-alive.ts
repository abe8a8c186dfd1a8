import { AsyncLocalStorage, createHook } from 'node:async_hooks';

interface Resource {
  readonly type: string;
  hasRef(): boolean;
}

/**
 * Runs `work`, and lets `check` look at what is left of the timers, sockets and processes that it has created: the types of
 * those that keep the process alive. What goes on in the process besides does not count.
 */
export async function checkKeptAlive(
  work: () => Promise<void>,
  check: (keptAlive: () => string[]) => Promise<void>,
): Promise<void> {
  const inWork = new AsyncLocalStorage<boolean>();
  const resources = new Map<number, Resource>();
  const hook = createHook({
    init(id, type, _trigger, resource) {
      if (inWork.getStore() && 'hasRef' in resource) {
        resources.set(id, { type, hasRef: () => (resource as Resource).hasRef() });
      }
    },
    destroy(id) {
      resources.delete(id);
    },
  });
  hook.enable();
  try {
    await inWork.run(true, work);
    await check(() => [...resources.values()].filter((resource) => resource.hasRef()).map(({ type }) => type));
  } finally {
    hook.disable();
  }
}
