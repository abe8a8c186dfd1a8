import { join } from 'node:path';
import { build } from './build.ts';
import { installProject } from './project.ts';
import { type PackedPackage, rehearseRelease } from './rehearsal.ts';

export interface Installed {
  readonly packages: readonly PackedPackage[];
  /** The folders of users' projects, each with core and the package that it is named by. */
  readonly projects: Readonly<Record<string, string>>;
}

/** Builds and packs every package, and installs each beside core in a project of its own. */
export async function installAll(folder: string): Promise<Installed> {
  await timed('packages are built', build);
  const packages = await timed('packages are packed', () => rehearseRelease(join(folder, 'release')));
  const core = packages.filter((it) => it.folder === 'core');
  const projects = Object.fromEntries(packages.map((it) => [it.folder, join(folder, 'projects', it.folder)]));
  await timed('packages are installed', () =>
    Promise.all(packages.map((it) => installProject(projects[it.folder] as string, [...new Set([...core, it])]))),
  );
  return { packages, projects };
}

async function timed<T>(what: string, work: () => Promise<T>): Promise<T> {
  const start = performance.now();
  const result = await work();
  console.log(`${what} after ${((performance.now() - start) / 1000).toFixed(1)} s`);
  return result;
}
