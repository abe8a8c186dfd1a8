// Runs the conformance suite on every deployment, keeps the reports in docs/reports, and makes docs/compatibility.md of them.
// Arguments are vitest's: `-t case/id` runs that case alone, `--project etcd` those deployments alone.
import { spawnSync } from 'node:child_process';
import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import type { Report } from '@kv/core/conformance';
import { compatibilityPage } from './compatibility.ts';
import { repository } from './pages.ts';
import { keep, keptReports } from './reports.ts';

const fresh = mkdtempSync(`${tmpdir()}/kv-reports-`);
try {
  const { status } = spawnSync('vitest', ['run', 'test/conformance/', ...process.argv.slice(2)], {
    cwd: repository,
    env: { ...process.env, KV_CONFORMANCE_REPORTS: fresh },
    stdio: 'inherit',
  });
  const files = globSync('*.json', { cwd: fresh }).sort();
  for (const file of files) {
    const failed = keep(file, JSON.parse(readFileSync(`${fresh}/${file}`, 'utf8')) as Report);
    if (failed.length > 0) console.error(`${file}: without ${failed.join(', ')}, which failed`);
  }
  writeFileSync(`${repository}/docs/compatibility.md`, compatibilityPage(keptReports()));
  console.log(`docs/compatibility.md: ${files.length} reports of this run`);
  process.exitCode = status ?? 1;
} finally {
  rmSync(fresh, { recursive: true });
}
