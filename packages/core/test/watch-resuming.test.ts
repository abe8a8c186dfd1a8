import assert from 'node:assert/strict';
import { cases, type Harness, runCase } from '@kv/core/conformance';
import { describe, test } from 'vitest';
import { memoryHarness } from './memory-harness.ts';
import { resuming } from './resuming-driver.ts';

// The other way that the contract allows: a driver that follows a broken connection by itself. The broken drivers that do it
// wrong are broken in one way only if this one is sound.
describe('a driver that resumes by itself keeps the contract of watches', () => {
  for (const tested of cases.filter(({ id }) => id.startsWith('watch') || id.startsWith('status/'))) {
    test(tested.id, { concurrent: !tested.exclusive, timeout: tested.timeout }, async () => {
      const { status, error } = await runCase(resumingHarness(), tested, 1);
      if (status === 'failed') throw error;
      assert.equal(status, 'passed');
    });
  }
});

function resumingHarness(): Harness {
  const harness = memoryHarness();
  return {
    ...harness,
    async client() {
      const { driver, ...client } = await harness.client();
      return { ...client, driver: { ...driver, connect: async (call) => resuming(await driver.connect(call)) } };
    },
  };
}
