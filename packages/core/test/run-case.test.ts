import assert from 'node:assert/strict';
import { cases, type Harness, runCase, runConformance } from '@kv/core/conformance';
import { MemoryServer } from '@kv/core/memory';
import { describe, test } from 'vitest';
import { conformanceCase } from '../src/conformance/case.ts';
import { replaced } from './broken-drivers/broken-driver.ts';
import { memoryHarness } from './memory-harness.ts';

describe('runCase', () => {
  test('says what is unsupported, and what the harness cannot exercise', async () => {
    const harness = memoryHarness();
    const lacking: Harness = {
      client: async () => {
        const { driver } = await harness.client();
        const connect: typeof driver.connect = async (call) => {
          const sound = await driver.connect(call);
          return replaced(sound, { capabilities: { ...sound.capabilities, transaction: false } });
        };
        return { driver: { ...driver, connect } };
      },
      close: harness.close,
    };
    const run = async () => assert.fail('it ran');
    const statusOf = async (options: Parameters<typeof conformanceCase>[2]) => {
      const { status, missing } = await runCase(lacking, conformanceCase('test/case', run, options), 1);
      return [status, missing];
    };
    assert.deepEqual(await statusOf({ needs: ['ttl', 'transaction'] }), ['unsupported', 'transaction']);
    assert.deepEqual(await statusOf({ faults: ['restart'] }), ['not-exercised', 'restart']);
    assert.deepEqual(await statusOf({ faults: ['partition'] }), ['not-exercised', 'partition']);
    assert.deepEqual(await statusOf({ raw: true }), ['not-exercised', 'raw']);
    assert.equal((await statusOf({}))[0], 'failed');
  });

  test('ends a case that hangs, and cleans up after it', async () => {
    const server = new MemoryServer();
    const harness = memoryHarness({ server });
    const hanging = conformanceCase(
      'test/hangs',
      async ({ open, faults, observe }) => {
        const store = await open();
        await store.put('left', 'behind');
        observe(store.watchTree(''));
        await faults.pause();
        await store.get('left', { timeout: 60_000 });
      },
      { faults: ['pause'], timeout: 100 },
    );
    const { status, error } = await runCase(harness, hanging, 1);
    assert.equal(status, 'failed');
    assert.match(String(error), /not over within 100 ms/);
    assert.equal(server.gate.clear, true, 'the server is still paused');
    assert.equal(server.watchCount, 0);
    assert.deepEqual([...server.keys('')], []);
  });

  test('gives the same random numbers for the same seed, and others for another case', async () => {
    const harness = memoryHarness();
    const numbers = async (id: string, seed: number) => {
      const drawn: number[] = [];
      const drawing = conformanceCase(id, async ({ random }) => void drawn.push(random(), random()));
      await runCase(harness, drawing, seed);
      return drawn;
    };
    const first = await numbers('test/a', 7);
    assert.deepEqual(await numbers('test/a', 7), first);
    assert.notDeepEqual(await numbers('test/a', 8), first);
    assert.notDeepEqual(await numbers('test/b', 7), first);
  });
});

describe('the cases', () => {
  test('have ids of their own, in the form group/what-holds', () => {
    const ids = cases.map(({ id }) => id);
    assert.deepEqual(
      ids.filter((id, i) => ids.indexOf(id) !== i),
      [],
    );
    for (const id of ids) assert.match(id, /^[a-z-]+\/[a-zA-Z0-9-]+$/);
  });

  test('that hurt a server for all run alone', () => {
    for (const { id, faults, exclusive } of cases) {
      if (faults.some((fault) => ['restart', 'pause', 'failover', 'compact'].includes(fault))) assert(exclusive, id);
    }
  });
});

test('runConformance reports each case that it was asked for', async () => {
  const seen: string[] = [];
  const report = await runConformance({
    name: 'memory',
    harness: () => memoryHarness(),
    only: ['exists/', 'delete/'],
    seed: 5,
    progress: ({ id }) => void seen.push(id),
  });
  assert.deepEqual(report.cases.map(({ id }) => id).sort(), [...seen].sort());
  assert.equal(report.counts.passed, seen.length);
  assert(seen.length >= 4);
  assert.equal(report.seed, 5);
});

test('runConformance runs its cases also when nobody follows the progress', async () => {
  const report = await runConformance({ name: 'memory', harness: () => memoryHarness(), only: ['exists/'] });
  assert(report.counts.passed > 0);
});
