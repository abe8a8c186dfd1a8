// Fails where a major version of core would reach users of a driver as a patch.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readChangesets } from '@changesets/read';
import { missingMajors } from './missing-majors.ts';

const root = join(import.meta.dirname, '../..');
const core = '@kv/core';

function namesOfDrivers(): string[] {
  const manifests = readdirSync(join(root, 'packages')).map((name) => join(root, 'packages', name, 'package.json'));
  return manifests
    .filter((file) => existsSync(file))
    .map((file) => JSON.parse(readFileSync(file, 'utf8')))
    .filter((manifest) => manifest.peerDependencies?.[core] !== undefined)
    .map((manifest) => manifest.name);
}

async function main(): Promise<void> {
  const missing = missingMajors(await readChangesets(root), core, namesOfDrivers());
  if (missing.length === 0) return;
  console.error(`A changeset makes ${core} major. Add one that makes major too: ${missing.join(', ')}`);
  process.exitCode = 1;
}

main();
