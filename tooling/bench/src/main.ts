/*
 * The benchmark: `npm run bench [backend …]`. See the README.
 */
import { fork } from 'node:child_process';
import { join } from 'node:path';
import { backendNames } from './backends/index.ts';
import { describeMachine, machineText } from './machine.ts';
import type { Message } from './message.ts';
import { committedProblems, readResults, writeResults } from './page/files.ts';
import { rowsWithoutReason } from './reasons.ts';
import type { BackendResults, Results } from './results.ts';
import { rowLine } from './row-text.ts';

const usage = `usage: npm run bench [-- [--quick] [backend …]]    measures ${backendNames.join(', ')}, or those that are named
       npm run bench -- --page                    writes docs/benchmarks.md again from the last results
       npm run bench -- --check                   fails if that page is not theirs, or a row lacks its reason
  --quick: only to see whether it works; writes nothing into docs/`;

const program = join(import.meta.dirname, 'run-backend.ts');
const args = process.argv.slice(2);
const flags = args.filter((arg) => arg.startsWith('-'));
const names = args.filter((arg) => !arg.startsWith('-'));
if (
  flags.some((flag) => !['--quick', '--page', '--check'].includes(flag)) ||
  names.some((name) => !backendNames.includes(name))
) {
  process.stderr.write(`${usage}\n`);
  process.exit(2);
}
const quick = flags.includes('--quick');

if (flags.includes('--page')) {
  const results = readResults();
  if (results === undefined) throw new Error('there are no results yet: run the benchmark first');
  finish(results);
} else if (flags.includes('--check')) {
  const problems = committedProblems();
  if (problems.length > 0) throw new Error(problems.join('\n'));
} else {
  await run(names.length > 0 ? names : backendNames);
}

async function run(chosen: readonly string[]): Promise<void> {
  console.log(machineText(describeMachine()));
  const started = performance.now();
  const before = quick ? [] : (readResults()?.backends ?? []);
  const measured = new Map(before.map((results) => [results.backend, results]));
  for (const name of chosen) {
    const results = await measure(name);
    if (results === undefined) process.exitCode = 1;
    else measured.set(name, results);
  }
  console.log(`\nall of it took ${((performance.now() - started) / 60_000).toFixed(1)} min`);
  const backends = backendNames.flatMap((name) => measured.get(name) ?? []);
  finish({ backends });
}

/** @returns `undefined` if it has failed, which has been told. */
async function measure(name: string): Promise<BackendResults | undefined> {
  const started = performance.now();
  console.log(`\n${name}`);
  const options = { execArgv: ['--conditions=@kv/source', '--expose-gc'] };
  const child = fork(program, [name, ...(quick ? ['--quick'] : [])], options);
  const progress = progressLine(started);
  let results: BackendResults | undefined;
  child.on('message', (message: Message) => {
    if (message.type === 'step') progress.show(message.what);
    else if (message.type === 'row') progress.print(rowLine(message.row));
    else if (message.type === 'note') progress.print(`  (${message.text})`);
    else if (message.type === 'failed') {
      progress.print(`${message.what} has failed: ${message.error}`);
      process.exitCode = 1;
    } else results = message.results;
  });
  const code = await new Promise((resolve) => child.once('exit', resolve));
  progress.clear();
  if (code === 0 && results !== undefined) return results;
  console.error(`${name} has failed (${code})`);
  return undefined;
}

/** What is being done, in one line that is overwritten, on a terminal; else nothing. */
function progressLine(started: number) {
  const terminal = process.stdout.isTTY;
  const clear = () => {
    if (terminal) process.stdout.write('\r\x1b[K');
  };
  return {
    clear,
    show(what: string) {
      clear();
      if (terminal) process.stdout.write(`${((performance.now() - started) / 1_000).toFixed(0)} s  ${what} …`);
    },
    print(line: string) {
      clear();
      console.log(line);
    },
  };
}

function finish(results: Results): void {
  console.log(`\nwritten to ${writeResults(results, quick)}`);
  if (quick) return;
  const missing = rowsWithoutReason(results);
  if (missing.length > 0) console.log(`\nwithout a reason in reasons.ts:\n  ${missing.join('\n  ')}`);
}
