import type { Report } from './report.ts';
import type { CaseResult } from './run-case.ts';
import { type SuiteOptions, SuiteRun } from './suite.ts';

/**
 * Runs the suite without a test runner, one case after the other.
 *
 * @param progress Called after each case.
 */
export async function runConformance(
  options: SuiteOptions & { readonly progress?: (result: CaseResult) => void },
): Promise<Report> {
  const run = new SuiteRun(options);
  try {
    for (const tested of run.cases) {
      const result = await run.run(tested);
      options.progress?.(result);
    }
  } catch (error) {
    await run.finish().catch(() => {});
    throw error;
  }
  return run.finish();
}
