import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Something that the person at the terminal can mend: its message says how, and no stack is shown. */
export class SetupError extends Error {
  /**
   * @param {string} message
   * @param {number} [status] what the bootstrap exits with
   */
  constructor(message, status = 1) {
    super(message);
    this.status = status;
  }
}

const shownLines = 25;

/**
 * @param {readonly string[]} commandLine
 * @param {number} status
 * @param {string} output
 * @param {NodeJS.ProcessEnv} env
 */
export function commandFailure(commandLine, status, output, env) {
  const tail = output.trimEnd().split('\n').slice(-shownLines).join('\n');
  const advice = adviceFor(output, missingCompilerTools(env));
  return new SetupError(
    `${commandLine.join(' ')} ended with ${status}:\n${tail}${advice && `\n\nbootstrap: ${advice}`}`,
  );
}

/**
 * @param {string} output of a package manager that failed
 * @param {readonly string[]} missingTools
 */
export function adviceFor(output, missingTools) {
  if (/\bgyp\b/.test(output) && missingTools.length > 0) {
    return (
      `A native add-on has to be compiled, and this machine lacks ${missingTools.join(', ')}. ` +
      'On Debian or Ubuntu: apt-get install build-essential python3'
    );
  }
  if (
    /\b(ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ENETUNREACH|ETIMEDOUT)\b|dns error|error sending request/.test(
      output,
    )
  ) {
    return 'The package registry does not answer. Check the network, and the registry and proxy settings of npm (npm config list).';
  }
  if (/SELF_SIGNED_CERT|UNABLE_TO_(VERIFY|GET)|UnknownIssuer/.test(output)) {
    return 'The certificate of the package registry is not trusted. Name the file of your certificates: NODE_EXTRA_CA_CERTS, or cafile of npm.';
  }
  if (/\bENOSPC\b/.test(output)) return 'The disk is full: 1 GB is needed.';
  if (/ERR_PNPM_OUTDATED_LOCKFILE/.test(output)) {
    return 'A package.json asks for what pnpm-lock.yaml does not have. To bring it up to date: node tooling/bootstrap/run.mjs pnpm install';
  }
  return '';
}

/**
 * What node-gyp needs and PATH does not have.
 *
 * @param {NodeJS.ProcessEnv} env
 */
export function missingCompilerTools({ PATH = '' }) {
  const folders = PATH.split(delimiter);
  return ['python3', 'make', 'g++'].filter((tool) => !folders.some((folder) => existsSync(join(folder, tool))));
}
