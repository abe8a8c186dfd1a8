import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { runQuietly } from './child.mjs';
import { cache } from './folders.mjs';
import { step } from './step.mjs';

/**
 * Has the host's npm put one package below `.cache/`, from whichever registry it is set up for. What is there already
 * is complete: a folder gets its name only after `check` has passed.
 *
 * @param {string} name
 * @param {string} version
 * @param {(folder: string) => Promise<void>} check
 * @returns {Promise<string>} the package's folder
 */
export async function fromRegistry(name, version, check) {
  const home = join(cache, `${name}-${version}`);
  /** @param {string} folder */
  const packageIn = (folder) => join(folder, 'node_modules', name);
  if (existsSync(home)) return packageIn(home);

  await step(`getting ${name} ${version}`, async () => {
    await mkdir(cache, { recursive: true });
    const partial = await mkdtemp(join(cache, 'partial-'));
    try {
      await npmInstall(`${name}@${version}`, partial);
      await check(packageIn(partial));
      await rename(partial, home).catch((error) => {
        // A bootstrap that runs at the same time may have been first.
        if (!existsSync(home)) throw error;
      });
    } finally {
      await rm(partial, { recursive: true, force: true });
    }
  });
  return packageIn(home);
}

/**
 * @param {string} spec
 * @param {string} folder
 */
function npmInstall(spec, folder) {
  const options = ['--no-save', '--no-package-lock', '--no-audit', '--no-fund', '--prefer-offline', '--loglevel=error'];
  // By default npm tells only after 70 s that there is no network.
  const retries = ['--fetch-retries=2', '--fetch-retry-mintimeout=1000', '--fetch-retry-maxtimeout=3000'];
  return runQuietly(['npm', 'install', '--prefix', folder, ...options, ...retries, spec], {
    env: process.env,
    cwd: folder,
  });
}
