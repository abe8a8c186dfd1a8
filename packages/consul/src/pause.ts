const firstMs = 5;
const longestMs = 250;

/**
 * The pause after a try that came to nothing, the `attempt`th in a row: it grows from some milliseconds to a quarter of a second, and half of it is random,
 * so that clients that woke up together do not come back together. Ends when the signal aborts.
 */
export function pause(attempt: number, signal: AbortSignal): Promise<void> {
  const longest = Math.min(longestMs, firstMs * 2 ** attempt);
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, longest * (0.5 + Math.random() / 2));
    signal.addEventListener('abort', end, { once: true });
  });
}
