import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { rowsWithoutReason } from '../reasons.ts';
import type { Results } from '../results.ts';
import { page } from './page.ts';
import { plots } from './plots.ts';

const root = join(import.meta.dirname, '../../../..');
const docs = join(root, 'docs');

const resultsFile = join(docs, 'benchmarks/results.json');
const pageFile = join(docs, 'benchmarks.md');

export function readResults(): Results | undefined {
  return existsSync(resultsFile) ? JSON.parse(readFileSync(resultsFile, 'utf8')) : undefined;
}

/** What is wrong with the page that is in docs/. */
export function committedProblems(): string[] {
  const results = readResults();
  const written = existsSync(pageFile) ? readFileSync(pageFile, 'utf8') : undefined;
  if (results === undefined) return written === undefined ? [] : [`${pageFile} has no results behind it`];
  const problems = rowsWithoutReason(results).map((place) => `${place} has no reason in reasons.ts`);
  if (written !== page(results)) problems.push(`${pageFile} is not that of the results: npm run bench -- --page`);
  return problems;
}

/** The results as JSON, the plots, and the page that shows both. @returns Where. */
export function writeResults(results: Results, quick: boolean): string {
  const [pageAt, resultsAt] = quick ? quickFiles() : [pageFile, resultsFile];
  const folder = join(resultsAt, '..');
  mkdirSync(folder, { recursive: true });
  // Four digits say enough.
  const rounded = (_: string, value: unknown) => (typeof value === 'number' ? Number(value.toPrecision(4)) : value);
  const json = JSON.stringify(results, rounded, 1);
  writeFileSync(resultsAt, `${json}\n`);
  const written: Results = JSON.parse(json);
  for (const [name, svg] of Object.entries(plots(written))) writeFileSync(join(folder, name), svg);
  writeFileSync(pageAt, page(written));
  return pageAt;
}

function quickFiles(): [page: string, results: string] {
  const folder = join(root, '.cache/bench/quick');
  return [join(folder, 'benchmarks.md'), join(folder, 'benchmarks/results.json')];
}
