import { sleep } from '../persist.ts';

/** Says whether an instance may be listed. What it throws, and no answer in time, count as no. */
export type HealthCheck = (signal: AbortSignal) => boolean | Promise<boolean>;

/** Resolves once the answer is yes. */
export async function untilHealthy(
  check: HealthCheck,
  interval: number,
  signal: AbortSignal | undefined,
): Promise<void> {
  const asked = signal ?? new AbortController().signal;
  while (!(await ask(check, interval, asked))) await sleep(interval, asked);
  asked.throwIfAborted();
}

/**
 * Asks again and again, until the signal aborts.
 *
 * @param interval Milliseconds between two questions, and for which an answer is waited for.
 * @param tell Gets each answer.
 */
export async function followHealth(
  check: HealthCheck,
  interval: number,
  signal: AbortSignal,
  tell: (healthy: boolean) => void,
): Promise<void> {
  while (!signal.aborted) {
    const healthy = await ask(check, interval, signal);
    if (signal.aborted) return;
    tell(healthy);
    await sleep(interval, signal).catch(() => {});
  }
}

async function ask(check: HealthCheck, interval: number, signal: AbortSignal): Promise<boolean> {
  const answered = new AbortController();
  const late = sleep(interval, AbortSignal.any([signal, answered.signal])).then(
    () => false,
    () => false,
  );
  try {
    return await Promise.race([(async () => check(answered.signal))(), late]);
  } catch {
    return false;
  } finally {
    answered.abort();
  }
}
