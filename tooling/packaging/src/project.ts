import { existsSync } from 'node:fs';
import { cp, mkdir, readFile, realpath, symlink, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { PackedPackage } from './rehearsal.ts';
import { run } from './run.ts';

const root = join(import.meta.dirname, '../../..');

/** The npm package behind each backend. */
export function clientOf({ manifest }: PackedPackage): string | undefined {
  const [client] = Object.keys(manifest.dependencies ?? {}).filter((name) => !name.startsWith('@kv/'));
  return client;
}

/**
 * Makes a project of a user's, who installs these packages from their tarballs with npm and nothing of the workspace.
 *
 * @param folder What it holds already stays: a `package.json` with other dependencies.
 */
export async function installProject(folder: string, packages: readonly PackedPackage[]): Promise<void> {
  await mkdir(folder, { recursive: true });
  const manifest = join(folder, 'package.json');
  if (!existsSync(manifest)) await writeFile(manifest, JSON.stringify({ private: true, type: 'module' }));
  const quiet = ['--no-audit', '--no-fund', '--prefer-offline', '--loglevel=error'];
  // Scripts of the client libraries are theirs, and take minutes to compile: what they make is in the workspace already.
  const tarballs = packages.map(({ tarball }) => tarball);
  await run(folder, 'npm', ['install', '--prefix', folder, '--ignore-scripts', ...quiet, ...tarballs]);
  for (const packed of packages) await copyBuild(packed, folder);
  await linkNodeTypes(folder);
}

/** Every project in TypeScript that runs on Node.js has these; some client libraries bring them along. */
async function linkNodeTypes(folder: string): Promise<void> {
  const place = join(folder, 'node_modules/@types/node');
  if (existsSync(place)) return;
  await mkdir(dirname(place), { recursive: true });
  await symlink(await realpath(dirname(createRequire(import.meta.url).resolve('@types/node/package.json'))), place);
}

async function copyBuild(packed: PackedPackage, folder: string): Promise<void> {
  const client = clientOf(packed);
  if (client === undefined) return;
  const built = join(root, 'packages', packed.folder, 'node_modules', client, 'build');
  if (existsSync(built)) await cp(built, join(folder, 'node_modules', client, 'build'), { recursive: true });
}

/** The names of all packages that npm has installed, at any depth. */
export async function installedPackages(folder: string): Promise<string[]> {
  const lock = JSON.parse(await readFile(join(folder, 'node_modules/.package-lock.json'), 'utf8'));
  return Object.keys(lock.packages).map((path) => path.replace(/^.*node_modules\//, ''));
}
