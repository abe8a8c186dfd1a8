import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { type DriverFactory, KvError } from '@kv/core';
import { cases, type Harness, runCase } from '@kv/core/conformance';
import { MemoryServer } from '@kv/core/memory';
import { describe, test } from 'vitest';
import type { BrokenDriver } from './broken-drivers/broken-driver.ts';
import { memoryHarness } from './memory-harness.ts';

const folder = new URL('broken-drivers/', import.meta.url);
const files = readdirSync(folder).filter((file) => file !== 'broken-driver.ts');

describe.each(files)('%s', async (file) => {
  const { brokenDrivers }: { brokenDrivers: readonly BrokenDriver[] } = await import(new URL(file, folder).href);
  for (const broken of brokenDrivers) {
    const tested = cases.find(({ id }) => id === broken.caughtBy);
    // Each has a server of its own to hurt: only those that measure the process have to be alone.
    const concurrent = tested?.exclusive === false || tested?.faults.length !== 0;
    const options = { concurrent, timeout: 60_000 };
    test(`${broken.name}: caught by ${broken.caughtBy}`, options, async () => {
      assert(tested, `there is no case ${broken.caughtBy}`);
      const { status, error } = await runCase(brokenHarness(broken), tested, 1);
      assert.equal(status, 'failed', `the defect was not noticed: the case has ${status}`);
      // Anything else would be a mistake in the case, or in the broken driver.
      assert(error instanceof assert.AssertionError || KvError.is(error), String(error));
    });
  }
});

function brokenHarness(broken: BrokenDriver): Harness {
  const server = new MemoryServer();
  const harness = memoryHarness({ server });
  return {
    ...harness,
    async client() {
      const client = await harness.client();
      return { ...client, driver: brokenFactory(client.driver, broken, server) };
    },
  };
}

function brokenFactory(sound: DriverFactory, broken: BrokenDriver, server: MemoryServer): DriverFactory {
  return { ...sound, connect: async (call) => broken.breaks(await sound.connect(call), server) };
}
