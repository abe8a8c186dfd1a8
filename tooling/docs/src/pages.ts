import { globSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';

export const repository = resolve(import.meta.dirname, '../../..');

/** What users read, relative to the repository. */
export const pages: readonly string[] = globSync(
  ['README.md', 'CONTRIBUTING.md', 'packages/*/README.md', 'docs/*.md'],
  {
    cwd: repository,
  },
).sort();

export function readPage(page: string): string {
  return readFileSync(`${repository}/${page}`, 'utf8');
}
