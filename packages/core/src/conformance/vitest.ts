import { afterAll, beforeAll, describe, test } from 'vitest';
import { type SuiteOptions, SuiteRun } from './suite.ts';

/** Starting a server may take as long as this, in milliseconds. */
const startTimeout = 120_000;

/**
 * Registers the suite as tests of vitest. What the backend lacks, or the harness cannot exercise, shows as skipped, with
 * the reason.
 */
export function describeConformance(options: SuiteOptions): void {
  const run = new SuiteRun(options);
  describe(`${run.name} (seed ${run.seed})`, () => {
    beforeAll(async () => void (await run.start()), startTimeout);
    afterAll(async () => void (await run.finish()), startTimeout);
    // In groups, for vitest runs neighbours concurrently: an exclusive case between others would stop them all.
    for (const exclusive of [false, true]) {
      describe(exclusive ? 'alone' : 'side by side', () => {
        for (const tested of run.cases.filter((it) => it.exclusive === exclusive)) {
          const timeout = 2 * tested.timeout + startTimeout;
          test(tested.id, { concurrent: !exclusive, timeout }, async ({ skip }) => {
            const { status, missing, error } = await run.run(tested);
            if (status === 'failed') throw error;
            if (status !== 'passed') skip(`${status}: ${missing}`);
          });
        }
      });
    }
  });
}
