// Packs each package as it would be published, and checks the tarballs. Run it after the build.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const packages = join(import.meta.dirname, '../../packages');
const mayHold = /^(dist\/.+\.(js|js\.map|d\.ts)|package\.json|README\.md|LICENSE|CHANGELOG\.md)$/;
const mustHold = ['package.json', 'README.md', 'LICENSE'];

function check(folder: string): void {
  const output = mkdtempSync(join(tmpdir(), 'kv-pack-'));
  try {
    run(folder, 'pnpm', 'pack', '--pack-destination', output);
    const [name] = readdirSync(output);
    assert(name, 'pnpm pack wrote no file');
    const tarball = join(output, name);
    checkFiles(filesIn(tarball));
    const manifest = JSON.parse(run(output, 'tar', '-xzOf', tarball, 'package/package.json'));
    checkManifest(manifest);
    importAll(folder, manifest);
    run(folder, 'publint', '--strict', tarball);
    run(folder, 'attw', tarball, '--profile', 'esm-only');
  } finally {
    rmSync(output, { recursive: true });
  }
}

function filesIn(tarball: string): string[] {
  const listing = run('.', 'tar', '-tzf', tarball).trim().split('\n');
  return listing.map((file) => file.replace(/^package\//, ''));
}

function checkFiles(files: readonly string[]): void {
  const missing = mustHold.filter((file) => !files.includes(file));
  assert.deepEqual(missing, [], 'the tarball lacks files');
  const superfluous = files.filter((file) => !mayHold.test(file));
  assert.deepEqual(superfluous, [], 'the tarball holds files that nobody needs');
}

interface Manifest {
  readonly name: string;
  readonly exports: Record<string, string | Record<string, string>>;
}

function checkManifest(manifest: Manifest): void {
  const text = JSON.stringify(manifest);
  for (const leak of ['src/', '@kv/source', '"workspace:', '"catalog:']) {
    assert(!text.includes(leak), `the packed package.json contains ${leak}`);
  }
}

/** What was built loads in a plain Node.js, without the condition for sources. */
function importAll(folder: string, { name, exports }: Manifest): void {
  for (const [entry, target] of Object.entries(exports)) {
    if (typeof target === 'string') continue;
    const specifier = join(name, entry);
    run(folder, 'node', '--input-type=module', '--eval', `await import(${JSON.stringify(specifier)})`);
  }
}

function run(folder: string, command: string, ...args: string[]): string {
  try {
    return execFileSync(command, args, { cwd: folder, encoding: 'utf8', stdio: 'pipe' });
  } catch (error) {
    if (!(error instanceof Error && 'stdout' in error && 'stderr' in error)) throw error;
    throw new Error(`${command} ${args.join(' ')} failed:\n${error.stdout}${error.stderr}`);
  }
}

let failures = 0;
for (const name of readdirSync(packages)) {
  try {
    check(join(packages, name));
    console.log(`packages/${name}: as it should be`);
  } catch (error) {
    failures += 1;
    console.error(`packages/${name}: ${error instanceof Error ? error.message : error}`);
  }
}
process.exitCode = failures === 0 ? 0 : 1;
