// Runs a job with the right Node.js, pnpm and packages, and gets them first where they are missing. Needs Node.js 20
// with npm, and nothing installed.
import { runChild } from './child.mjs';
import { prepareEnvironment } from './environment.mjs';
import { SetupError } from './failure.mjs';
import { root } from './folders.mjs';

const usage = `usage: node tooling/bootstrap/run.mjs <job> [argument …]
  demo           the demo: examples/quickstart
  test           all tests; arguments go to vitest (the names of test files, -t <name>, …)
  bench [backend …]  the benchmark: tooling/bench
  exec <command> any command, where it was called
  pnpm           pnpm, without installing the packages first: to change dependencies`;

/** @type {Record<string, { command: readonly string[], cwd: string, packages: boolean }>} */
const jobs = {
  demo: { command: ['node', '--conditions=@kv/source', 'examples/quickstart/main.ts'], cwd: root, packages: true },
  test: { command: ['vitest', 'run'], cwd: root, packages: true },
  bench: { command: ['node', '--conditions=@kv/source', 'tooling/bench/src/main.ts'], cwd: root, packages: true },
  exec: { command: [], cwd: process.cwd(), packages: true },
  pnpm: { command: ['pnpm'], cwd: process.cwd(), packages: false },
};

/** @param {readonly string[]} commandLine */
async function main([name = '', ...args]) {
  const job = Object.hasOwn(jobs, name) ? jobs[name] : undefined;
  if (job === undefined) throw new SetupError(usage, 2);
  const command = [...job.command, ...args];
  if (command.length === 0) throw new SetupError(usage, 2);
  const env = await prepareEnvironment(job);
  const { status } = await runChild(command, { env, cwd: job.cwd });
  process.exitCode = status;
}

main(process.argv.slice(2)).catch((error) => {
  if (!(error instanceof SetupError)) throw error;
  process.stderr.write(`bootstrap: ${error.message}\n`);
  process.exitCode = error.status;
});
