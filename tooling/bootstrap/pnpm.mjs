import { join } from 'node:path';
import { runQuietly } from './child.mjs';
import { fromRegistry } from './registry.mjs';

// Not as `packageManager` in package.json: pnpm would then look up packages of every platform, and not all exist.
export const pnpmVersion = '12.20.0';

/**
 * @param {NodeJS.ProcessEnv} env
 * @returns {Promise<string>} the folder of the executable
 */
export async function providePnpm(env) {
  const folder = await fromRegistry('pnpm', pnpmVersion, async (fresh) => {
    await runQuietly([join(fresh, '../.bin/pnpm'), '--version'], { env, cwd: fresh });
  });
  return join(folder, '../.bin');
}
