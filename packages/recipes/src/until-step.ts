import { KvError } from '@kv/core';

/**
 * Resolves once a step of a watch is what is waited for.
 *
 * @param signal Ends the watch.
 * @throws `signal.reason`, or `KV_CLOSED` when the store closes before.
 */
export async function untilStep<Step>(
  steps: AsyncIterable<Step>,
  holds: (step: Step) => boolean,
  signal: AbortSignal | undefined,
): Promise<void> {
  for await (const step of steps) if (holds(step)) return;
  signal?.throwIfAborted();
  throw new KvError('KV_CLOSED', 'the store was closed while others were waited for');
}
