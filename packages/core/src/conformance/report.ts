import type { Capabilities } from '../capabilities.ts';
import type { CaseResult, CaseStatus } from './run-case.ts';

/** What a run of the suite has found out about a driver. */
export interface Report {
  readonly name: string;
  /** What the server said that it is. */
  readonly versions: Readonly<Record<string, string>>;
  readonly capabilities: Capabilities;
  /** Give it to a later run to repeat this one. */
  readonly seed: number;
  readonly counts: Readonly<Record<CaseStatus, number>>;
  readonly cases: readonly (Omit<CaseResult, 'error'> & { readonly message?: string })[];
}

export function report(
  about: Pick<Report, 'name' | 'versions' | 'capabilities' | 'seed'>,
  results: readonly CaseResult[],
): Report {
  const counts: Record<CaseStatus, number> = { passed: 0, failed: 0, unsupported: 0, 'not-exercised': 0 };
  for (const { status } of results) counts[status]++;
  const cases = [...results]
    .sort((a, b) => (a.id < b.id ? -1 : 1))
    .map(({ error, ...result }) => (error === undefined ? result : { ...result, message: messageOf(error) }));
  return { ...about, counts, cases };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
