import { setTimeout as delay } from 'node:timers/promises';

/** Tries until the assertion holds, and fails as it does when time is up. */
export async function eventually<T>(assertion: () => T | Promise<T>, within = 10_000): Promise<T> {
  const deadline = performance.now() + within;
  for (;;) {
    try {
      return await assertion();
    } catch (error) {
      if (performance.now() >= deadline) throw error;
    }
    await delay(5);
  }
}
