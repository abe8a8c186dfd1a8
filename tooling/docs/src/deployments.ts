import { globSync, readFileSync } from 'node:fs';
import { repository } from './pages.ts';

/** The names that the test files of the deployments give to their runs of the suite: of those in every run, or of all. */
export function deployments(which: 'in every run' | 'all'): string[] {
  const files = which === 'all' ? '**/*.test.ts' : '*.test.ts';
  return globSync(`packages/*/test/conformance/${files}`, { cwd: repository }).map((file) => {
    const name = /describeConformance\(\{\s*name: '([^']+)'/.exec(readFileSync(`${repository}/${file}`, 'utf8'))?.[1];
    if (name === undefined) throw new Error(`${file} does not name its deployment`);
    return name;
  });
}
