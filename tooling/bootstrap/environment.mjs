import { delimiter, join } from 'node:path';
import { root } from './folders.mjs';
import { provideNode } from './node.mjs';
import { installPackages } from './packages.mjs';
import { providePnpm } from './pnpm.mjs';

/**
 * Sets up what is missing, and gives the environment in which `node`, `pnpm` and the tools of the repository are the
 * right ones.
 *
 * @param {{ packages: boolean }} wanted
 * @returns {Promise<NodeJS.ProcessEnv>}
 */
export async function prepareEnvironment({ packages }) {
  const node = await provideNode();
  /** @type {NodeJS.ProcessEnv} */
  const env = { ...process.env };
  /** @param {string} folder */
  const prependToPath = (folder) => {
    env['PATH'] = [folder, env['PATH']].filter(Boolean).join(delimiter);
  };
  // Else add-ons get compiled against the headers that npm's configuration may name, which are another version's.
  if (node.headers !== undefined) env['npm_config_nodedir'] = node.headers;

  // For the zookeeper add-on: else processes that are started inherit its connections. Its build reads this (configure).
  env['with_sock_cloexec'] = 'yes';

  prependToPath(join(root, 'node_modules/.bin'));
  prependToPath(node.bin);
  prependToPath(await providePnpm(env));
  if (packages) await installPackages(env, node.version);
  return env;
}
