// Writes the table of docs/bundling.md anew.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { installAll } from './install-all.ts';
import { measureAll, tableOf } from './sizes.ts';

const page = join(import.meta.dirname, '../../../docs/bundling.md');
const folder = await mkdtemp(join(tmpdir(), 'kv-sizes-'));
try {
  const table = tableOf(await measureAll(await installAll(folder)));
  const text = await readFile(page, 'utf8');
  await writeFile(page, text.replace(/^\|.*\|\n(\|.*\|\n)*/m, `${table}\n`));
  console.log(table);
} finally {
  await rm(folder, { recursive: true });
}
