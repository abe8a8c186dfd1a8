import assert from 'node:assert/strict';
import type { Store } from '@kv/core';
import type { CaseContext } from '@kv/core/conformance';

/** Resolves once so many are in the queue at `directory`: those who hold something, and those who wait for it. */
export async function untilPlaces(
  { eventually }: Pick<CaseContext, 'eventually'>,
  store: Store,
  directory: string,
  count: number,
): Promise<void> {
  await eventually(async () => assert.equal((await store.list(directory, { keysOnly: true })).length, count));
}
