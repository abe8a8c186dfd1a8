// Runs the conformance suite on every deployment, keeps the reports in docs/reports, and makes docs/compatibility.md of them.
// Arguments are vitest's: `-t case/id` runs that case alone, `--project etcd` those deployments alone. With `--from FOLDER`
// nothing is run: the reports are those that a run of the tests with KV_CONFORMANCE_REPORTS=FOLDER has left.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { compatibilityPage } from './compatibility.ts';
import { repository } from './pages.ts';
import { keep, keptReports, newReports } from './reports.ts';

const [first, from, ...rest] = process.argv.slice(2);
if (first === '--from' && from !== undefined && rest.length === 0) {
  process.exitCode = keepAll(from) ? 0 : 1;
} else {
  const fresh = mkdtempSync(`${tmpdir()}/kv-reports-`);
  try {
    const { status } = spawnSync('vitest', ['run', 'test/conformance/', ...process.argv.slice(2)], {
      cwd: repository,
      env: { ...process.env, KV_TEST_DEPLOYMENTS: 'all', KV_CONFORMANCE_REPORTS: fresh },
      stdio: 'inherit',
    });
    process.exitCode = keepAll(fresh) ? (status ?? 1) : 1;
  } finally {
    rmSync(fresh, { recursive: true });
  }
}

/** @returns Whether there are reports, and no case has failed. */
function keepAll(folder: string): boolean {
  const reports = newReports(folder);
  let sound = reports.length > 0;
  for (const { file, report } of reports) {
    const failed = keep(file, report);
    if (failed.length === 0) continue;
    sound = false;
    console.error(`${file}: without ${failed.join(', ')}, which failed`);
  }
  writeFileSync(`${repository}/docs/compatibility.md`, compatibilityPage(keptReports()));
  console.log(`docs/compatibility.md: ${reports.length} new reports`);
  return sound;
}
