import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

/*
 * Libraries that a user could take instead. They are no packages of the workspace: nobody but the benchmark needs them, and one is
 * compiled when it is installed.
 */

const manifest = join(import.meta.dirname, '../peers/package.json');
const folder = join(import.meta.dirname, '../../../.cache/bench/peers');
const installed = join(folder, 'package.json');

/** Installs them, unless that has been done. @throws If it cannot be done. */
export function installPeers(): void {
  const wanted = readFileSync(manifest, 'utf8');
  const done = join(folder, 'installed.json');
  if (existsSync(done) && readFileSync(done, 'utf8') === wanted) return;
  mkdirSync(folder, { recursive: true });
  copyFileSync(manifest, installed);
  execFileSync('npm', ['install', '--no-audit', '--no-fund', '--loglevel=error'], { cwd: folder, stdio: 'pipe' });
  copyFileSync(manifest, done);
}

/** @param name Of a package, or of an entry of it. */
export async function importPeer<Module>(name: string): Promise<Module> {
  return import(pathToFileURL(createRequire(installed).resolve(name)).href);
}

export function peerVersion(name: string): string {
  return JSON.parse(readFileSync(join(folder, 'node_modules', name, 'package.json'), 'utf8')).version;
}
