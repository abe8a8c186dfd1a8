import { setTimeout as delay } from 'node:timers/promises';

const probe = 100;
const longestWait = 20_000;

/** Resolves once this process has hardly anything to do: what it has asked for has been answered. */
export async function untilQuiet(): Promise<void> {
  const end = performance.now() + longestWait;
  for (let quiet = 0; quiet < 3 && performance.now() < end; ) {
    const before = performance.eventLoopUtilization();
    await delay(probe);
    quiet = performance.eventLoopUtilization(before).utilization < 0.1 ? quiet + 1 : 0;
  }
}
