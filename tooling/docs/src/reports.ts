import { globSync, readFileSync, writeFileSync } from 'node:fs';
import type { Capabilities } from '@kv/core';
import { type CaseStatus, cases, type Report } from '@kv/core/conformance';
import { deployments } from './deployments.ts';
import { repository } from './pages.ts';

/** What is kept of a run of the suite: nothing that is different when it is run again. */
export interface KeptReport {
  readonly name: string;
  readonly versions: Readonly<Record<string, string>>;
  readonly capabilities: Capabilities;
  /** By case: `passed`, or why it did not run: `not-exercised: failover`. */
  readonly cases: Readonly<Record<string, string>>;
}

const folder = `${repository}/docs/reports`;

export function keptReports(): KeptReport[] {
  const files = globSync('*.json', { cwd: folder }).sort();
  return files.map((file) => JSON.parse(readFileSync(`${folder}/${file}`, 'utf8')) as KeptReport);
}

/** The reports in a folder that are of a deployment. A run of all tests leaves those of other suites there too. */
export function newReports(from: string): { readonly file: string; readonly report: Report }[] {
  const known = deployments('all');
  return globSync('*.json', { cwd: from })
    .sort()
    .map((file) => ({ file, report: JSON.parse(readFileSync(`${from}/${file}`, 'utf8')) as Report }))
    .filter(({ report }) => known.includes(report.name));
}

/**
 * Puts a report that `file` has into the kept one of that name. Cases that this run has left out keep what they had, as long as
 * server and limits are the same; those that have failed are missing from then on.
 *
 * @returns The ids of those that have failed.
 */
export function keep(file: string, report: Report): string[] {
  const path = `${folder}/${file}`;
  const { name, versions, capabilities } = report;
  const before = keptReports().find((kept) => kept.name === name);
  const comparable = before !== undefined && sameJson([before.versions, before.capabilities], [versions, capabilities]);
  const results = new Map(report.cases.map(({ id, status, missing }) => [id, resultOf(status, missing)]));
  const known = cases.map(({ id }) => [id, results.get(id) ?? (comparable ? before.cases[id] : undefined)] as const);
  const kept = known
    .filter(([, result]) => result !== undefined && result !== 'failed')
    .sort(([a], [b]) => (a < b ? -1 : 1));
  const made = { name, versions, capabilities, cases: Object.fromEntries(kept) };
  writeFileSync(path, `${JSON.stringify(made, undefined, 1)}\n`);
  return report.cases.filter(({ status }) => status === 'failed').map(({ id }) => id);
}

function resultOf(status: CaseStatus, missing: string | undefined): string {
  return missing === undefined ? status : `${status}: ${missing}`;
}

function sameJson(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
