import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { runQuietly } from './child.mjs';
import { SetupError } from './failure.mjs';
import { fromRegistry } from './registry.mjs';

const ours = '24.21.0';

/**
 * The lines that everything here runs on, each from this minor version. 22.22: testcontainers, and TypeScript files run
 * without a flag (22.18). 24.11: tsup. Not 26: the zookeeper add-on (7.3.0) does not compile there.
 */
const oldestMinor = new Map([
  [22, 22],
  [24, 11],
]);

/** @param {string} version */
export function isSuitable(version) {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return minor >= (oldestMinor.get(major) ?? Number.POSITIVE_INFINITY);
}

/**
 * @param {string} platform
 * @param {string} arch
 */
export function nodePackage(platform, arch) {
  if (platform === 'linux' && (arch === 'x64' || arch === 'arm64')) return `node-linux-${arch}`;
  throw new SetupError(
    `This Node.js (${process.versions.node}) does not fit, and a fitting one can be set up only on Linux (x64, arm64), not on ${platform} ${arch}. ` +
      `Install Node.js 24 (24.11 or newer) and try again.`,
  );
}

/**
 * The host's Node.js where it fits, else one from the registry.
 *
 * @returns {Promise<{ bin: string, version: string, headers: string | undefined }>} the folder of the executable, its
 *   version, and the folder that holds its `include/`
 */
export async function provideNode() {
  if (isSuitable(process.versions.node)) {
    const bin = dirname(process.execPath);
    return { bin, version: process.versions.node, headers: headersOf(dirname(bin), process.versions.node) };
  }
  const folder = await fromRegistry(nodePackage(process.platform, process.arch), ours, async (fresh) => {
    const env = process.env;
    const printed = await runQuietly([join(fresh, 'bin/node'), '--print', 'process.versions.node'], {
      env,
      cwd: fresh,
    });
    if (printed.trim() !== ours)
      throw new SetupError(`the Node.js that was set up says ${printed.trim()}, not ${ours}`);
  });
  return { bin: join(folder, 'bin'), version: ours, headers: headersOf(folder, ours) };
}

/**
 * @param {string} prefix
 * @param {string} version
 */
function headersOf(prefix, version) {
  const file = join(prefix, 'include/node/node_version.h');
  if (!existsSync(file)) return undefined;
  const text = readFileSync(file, 'utf8');
  const [major, minor] = version.split('.');
  const matches =
    text.includes(`#define NODE_MAJOR_VERSION ${major}\n`) && text.includes(`#define NODE_MINOR_VERSION ${minor}\n`);
  return matches ? prefix : undefined;
}
