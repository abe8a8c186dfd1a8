import { after, before, describe, test } from 'node:test';
import { type SuiteOptions, SuiteRun } from './suite.ts';

/** How many cases run at the same time: most of them wait, for a session to end or for a change. */
const sideBySide = 5;

/**
 * Registers the suite as tests of `node:test`. What the backend lacks, or the harness cannot exercise, shows as skipped,
 * with the reason.
 */
export function describeConformance(options: SuiteOptions): void {
  const run = new SuiteRun(options);
  describe(`${run.name} (seed ${run.seed})`, () => {
    before(async () => void (await run.start()));
    after(async () => void (await run.finish()));
    // In groups, as a suite has one concurrency for all of its tests.
    for (const exclusive of [false, true]) {
      describe(exclusive ? 'alone' : 'side by side', { concurrency: exclusive ? 1 : sideBySide }, () => {
        for (const tested of run.cases.filter((it) => it.exclusive === exclusive)) {
          test(tested.id, async (context) => {
            const { status, missing, error } = await run.run(tested);
            if (status === 'failed') throw error;
            if (status !== 'passed') context.skip(`${status}: ${missing}`);
          });
        }
      });
    }
  });
}
