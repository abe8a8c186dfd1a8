import { after, before, describe, test } from 'node:test';
import { type SuiteOptions, SuiteRun } from './suite.ts';

/**
 * Registers the suite as tests of `node:test`. What the backend lacks, or the harness cannot exercise, shows as skipped,
 * with the reason.
 */
export function describeConformance(options: SuiteOptions): void {
  const run = new SuiteRun(options);
  describe(`${run.name} (seed ${run.seed})`, () => {
    before(async () => void (await run.start()));
    after(async () => void (await run.finish()));
    for (const tested of run.cases) {
      test(tested.id, async (context) => {
        const { status, missing, error } = await run.run(tested);
        if (status === 'failed') throw error;
        if (status !== 'passed') context.skip(`${status}: ${missing}`);
      });
    }
  });
}
