import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Of a package that this one depends on. */
export function versionOf(name: string): string {
  return JSON.parse(readFileSync(join(import.meta.dirname, '../node_modules', name, 'package.json'), 'utf8')).version;
}
