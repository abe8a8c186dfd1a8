import { KvError } from '@kv/core';

/** The `KvError` that `action` throws, or `undefined` if it throws none; whatever else it throws is thrown on. */
export function errorOf(action: () => unknown): KvError | undefined {
  try {
    action();
    return undefined;
  } catch (error) {
    if (KvError.is(error)) return error;
    throw error;
  }
}
