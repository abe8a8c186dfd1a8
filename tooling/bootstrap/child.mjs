import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { commandFailure, SetupError } from './failure.mjs';

const graceMs = 10_000;

/** @type {readonly NodeJS.Signals[]} */
const passedOn = ['SIGINT', 'SIGTERM', 'SIGHUP'];

/**
 * Runs a command as the leader of a process group of its own. A signal that this process gets goes to the whole group;
 * what is left of the group when the leader has ended, or 10 s later, is killed.
 *
 * @param {readonly string[]} commandLine
 * @param {{ env: NodeJS.ProcessEnv, cwd: string, capture?: boolean }} options
 * @returns {Promise<{ status: number, interrupted: NodeJS.Signals | undefined, output: string }>} `status` is the exit
 *   code, or 128 + the number of the signal that ended the command, as in a shell; `output` is empty unless captured
 */
export function runChild([command = '', ...args], { env, cwd, capture = false }) {
  return new Promise((resolve, reject) => {
    /** @type {import('node:child_process').StdioOptions} */
    const stdio = capture ? ['ignore', 'pipe', 'pipe'] : 'inherit';
    const child = spawn(command, args, { env, cwd, stdio, detached: true });

    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text) => {
        output += text;
      });
    }

    /** @type {NodeJS.Signals | undefined} */
    let interrupted;
    /** @type {NodeJS.Timeout | undefined} */
    let deadline;
    /** @param {NodeJS.Signals} signal */
    const pass = (signal) => {
      // On Ctrl-C the terminal and npm both send SIGINT: the job gets it once.
      if (interrupted === signal) return;
      interrupted = signal;
      signalGroup(child.pid, signal);
      deadline ??= setTimeout(() => signalGroup(child.pid, 'SIGKILL'), graceMs);
    };
    const stopPassing = () => {
      clearTimeout(deadline);
      for (const signal of passedOn) process.off(signal, pass);
    };
    for (const signal of passedOn) process.on(signal, pass);

    child.once('error', (error) => {
      stopPassing();
      reject(new SetupError(`cannot run ${command}: ${error.message}`));
    });
    child.once('close', (code, signal) => {
      stopPassing();
      if (interrupted !== undefined) signalGroup(child.pid, 'SIGKILL');
      resolve({ status: code ?? 128 + constants.signals[signal ?? 'SIGKILL'], interrupted, output });
    });
  });
}

/**
 * Runs a command whose output matters only where it fails.
 *
 * @param {readonly string[]} commandLine
 * @param {{ env: NodeJS.ProcessEnv, cwd: string }} options
 * @returns {Promise<string>} what it printed
 */
export async function runQuietly(commandLine, options) {
  const { status, interrupted, output } = await runChild(commandLine, { ...options, capture: true });
  if (interrupted !== undefined) {
    throw new SetupError(`interrupted by ${interrupted}`, 128 + constants.signals[interrupted]);
  }
  if (status !== 0) throw commandFailure(commandLine, status, output, options.env);
  return output;
}

/**
 * @param {number | undefined} leader
 * @param {NodeJS.Signals} signal
 */
function signalGroup(leader, signal) {
  if (leader === undefined) return;
  try {
    process.kill(-leader, signal);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}
