/**
 * What a generator yields, ended by `signal`, by leaving the loop, and by `return()` also while a step is waited for, which
 * a generator alone cannot do.
 *
 * @param steps Must return when its signal aborts.
 */
export function iterate<Step>(
  signal: AbortSignal | undefined,
  steps: (signal: AbortSignal) => AsyncGenerator<Step, undefined>,
): AsyncIterable<Step> {
  return {
    [Symbol.asyncIterator](): AsyncIterator<Step, undefined> {
      const over = new AbortController();
      const generator = steps(signal === undefined ? over.signal : AbortSignal.any([signal, over.signal]));
      return {
        next: () => generator.next(),
        return() {
          over.abort();
          return generator.return(undefined);
        },
      };
    },
  };
}
