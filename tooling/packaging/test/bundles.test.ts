import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, inject, test } from 'vitest';
import { type Bundled, bundlers, compressedSize } from '../src/bundle.ts';
import { type Bundle, bundlesOf, intruders } from '../src/bundles.ts';
import { backendOf, exercise } from '../src/programs.ts';
import { run } from '../src/run.ts';
import { sizesIn } from '../src/sizes.ts';
import { targetOf } from './target.ts';

const page = join(import.meta.dirname, '../../../docs/bundling.md');
const bundles = bundlesOf(inject('packages'));
/** How far the page may be from the truth before it has to be written anew. */
const tolerance = 0.05;

for (const [bundler, make] of Object.entries(bundlers)) {
  describe(`bundled with ${bundler}`, () => {
    for (const bundle of bundles) {
      test(`${bundle.name}: holds what it should, within its budget, and runs`, async () => {
        const project = inject('projects')[bundle.project] as string;
        const bundled = await make(bundle, project);
        assert.deepEqual(intruders(bundle, bundled.modules), []);
        assert(bundled.modules.includes('@kv/core/src/store.ts'), 'the modules of the bundle are not known');
        if (bundler === 'esbuild') assert.deepEqual(bundled.imports, bundle.external);
        const size = await compressedSize(bundled);
        assert(size <= bundle.budget, `${size} bytes are over the budget of ${bundle.budget}`);
        const told = sizesIn(await readFile(page, 'utf8'))[bundle.name]?.[bundler] ?? 0;
        assert(
          Math.abs(size / 1000 - told) <= told * tolerance,
          `docs/bundling.md says ${told} kB, it is ${size / 1000}: pnpm run sizes`,
        );
        await runBundle(bundle, bundled, project);
      });
    }
  });
}

test('the page has no other bundles', async () => {
  assert.deepEqual(Object.keys(sizesIn(await readFile(page, 'utf8'))).sort(), bundles.map(({ name }) => name).sort());
});

/** Runs it in a folder that has nothing but the bundle and the packages that were left out. */
async function runBundle(
  { project: backend, uses }: Bundle,
  { code, imports }: Bundled,
  project: string,
): Promise<void> {
  const folder = await mkdtemp(join(dirname(project), 'deployed-'));
  for (const name of imports) {
    const place = join(folder, 'node_modules', name);
    await mkdir(dirname(place), { recursive: true });
    await symlink(join(project, 'node_modules', name), place);
  }
  await writeFile(join(folder, 'bundle.mjs'), code);
  await writeFile(join(folder, 'exercise.mjs'), exercise);
  const { name, specifier, call } = backendOf(backend);
  const exercised = specifier in uses ? `await exercise(await bundle.openStore(bundle.${call}), bundle);` : '';
  const program = `import * as bundle from './bundle.mjs';
import { exercise } from './exercise.mjs';
const target = process.env.KV_TARGET;
if (${JSON.stringify(specifier in uses)} && !bundle.${name}) throw new Error('the backend is not in the bundle');
${exercised}
console.log(typeof bundle.openStore);
`;
  await writeFile(join(folder, 'main.mjs'), program);
  const output = await run(folder, process.execPath, ['main.mjs'], await targetOf(backend, folder));
  assert.equal(output, exercised === '' ? 'function\n' : 'works\nfunction\n');
}
