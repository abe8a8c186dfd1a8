import { existsSync } from 'node:fs';
import { cp, mkdir, readdir, readFile, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from './run.ts';

const root = join(import.meta.dirname, '../../..');

export interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly exports: Readonly<Record<string, string | Readonly<Record<string, string>>>>;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
  readonly peerDependenciesMeta?: Readonly<Record<string, { readonly optional?: boolean }>>;
}

/** A package as it would be published now. */
export interface PackedPackage {
  /** Its folder in `packages/`: `etcd`. */
  readonly folder: string;
  readonly before: string;
  /** The packed `package.json`. */
  readonly manifest: Manifest;
  readonly tarball: string;
  /** What the tarball holds. */
  readonly files: readonly string[];
  /** What the changelog says about this version. Empty where nothing would be released. */
  readonly notes: string;
}

/**
 * Releases into a folder: applies the changesets to a copy of the packages, and packs each. What the packages export must
 * have been built. The repository stays as it is.
 */
export async function rehearseRelease(folder: string): Promise<PackedPackage[]> {
  for (const file of ['package.json', 'pnpm-workspace.yaml', 'pnpm-lock.yaml', '.pnpmfile.mjs', '.changeset']) {
    await cp(join(root, file), join(folder, file), { recursive: true });
  }
  const names = await readdir(join(root, 'packages'));
  const packages = names.filter((name) => existsSync(join(root, 'packages', name, 'package.json')));
  for (const name of packages) await copyPackage(join(root, 'packages', name), join(folder, 'packages', name));
  const changesets = await readdir(join(root, '.changeset'));
  if (changesets.some((file) => file.endsWith('.md') && file !== 'README.md'))
    await run(folder, 'changeset', ['version']);
  const tarballs = join(folder, 'tarballs');
  await mkdir(tarballs);
  return Promise.all(packages.map((name) => pack(folder, name, join(tarballs, name))));
}

async function copyPackage(source: string, target: string): Promise<void> {
  await mkdir(target, { recursive: true });
  for (const entry of await readdir(source)) {
    // pnpm reads there which versions the packages of the workspace have.
    if (entry === 'node_modules') await symlink(join(source, entry), join(target, entry));
    else await cp(join(source, entry), join(target, entry), { recursive: true });
  }
}

async function pack(folder: string, name: string, output: string): Promise<PackedPackage> {
  const place = join(folder, 'packages', name);
  await mkdir(output);
  await run(place, 'pnpm', ['pack', '--pack-destination', output]);
  const [file] = await readdir(output);
  if (file === undefined) throw new Error('pnpm pack wrote no file');
  const tarball = join(output, file);
  const listing = await run(output, 'tar', ['-tzf', tarball]);
  const manifest: Manifest = JSON.parse(await run(output, 'tar', ['-xzOf', tarball, 'package/package.json']));
  const original: Manifest = JSON.parse(await readFile(join(root, 'packages', name, 'package.json'), 'utf8'));
  const changelog = join(place, 'CHANGELOG.md');
  return {
    folder: name,
    before: original.version,
    manifest,
    tarball,
    files: listing
      .trim()
      .split('\n')
      .map((path) => path.replace(/^package\//, '')),
    notes: existsSync(changelog) ? notesOf(await readFile(changelog, 'utf8'), manifest.version) : '',
  };
}

function notesOf(changelog: string, version: string): string {
  const sections = changelog.split(/^## /m);
  const section = sections.find((text) => text.startsWith(`${version}\n`));
  return section?.slice(version.length).trim() ?? '';
}
