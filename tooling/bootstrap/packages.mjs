import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runQuietly } from './child.mjs';
import { root } from './folders.mjs';
import { pnpmVersion } from './pnpm.mjs';
import { step } from './step.mjs';

const stampFile = join(root, 'node_modules/.bootstrap.json');

/**
 * Installs what the lockfile says, unless that has been done: pnpm would take a second to find that out.
 *
 * @param {NodeJS.ProcessEnv} env
 * @param {string} nodeVersion
 */
export async function installPackages(env, nodeVersion) {
  const wanted = { inputs: inputsOf(root), pnpm: pnpmVersion, node: nodeVersion.split('.')[0] };
  const present = existsSync(stampFile) ? JSON.parse(readFileSync(stampFile, 'utf8')) : {};
  if (JSON.stringify(present) === JSON.stringify(wanted)) return;

  const options = { cwd: root, env: { ...env, CI: 'true' } };
  await step('installing packages', async () => {
    await runQuietly(['pnpm', 'install', '--frozen-lockfile'], options);
    // Native add-ons are for one major version of Node.js, and pnpm keeps those that it has.
    if (present.node !== undefined && present.node !== wanted.node)
      await runQuietly(['pnpm', 'rebuild', '-r'], options);
    writeFileSync(stampFile, JSON.stringify(wanted));
  });
}

/**
 * A digest of all that decides what gets installed.
 *
 * @param {string} workspace
 */
export function inputsOf(workspace) {
  const members = ['packages', 'tooling', 'examples'].flatMap((folder) =>
    readdirSync(join(workspace, folder)).map((name) => join(folder, name, 'package.json')),
  );
  const digest = createHash('sha256');
  for (const name of ['pnpm-lock.yaml', 'pnpm-workspace.yaml', '.pnpmfile.mjs', 'package.json', ...members.sort()]) {
    const file = join(workspace, name);
    if (existsSync(file)) digest.update(`${name}\n`).update(readFileSync(file));
  }
  return digest.digest('hex');
}
