import { spawn } from 'node:child_process';
import { resolve } from 'node:path';
import type { Program } from './code-blocks.ts';

/** What stands in a page for something that every reader has elsewhere: a default address, a path. */
export type Places = Readonly<Record<string, string>>;

export interface Run {
  readonly failure: string | undefined;
  readonly output: string;
}

const longest = 45_000;

/** Runs a program in a process of its own, with `places` put in. It has failed if it throws, or does not end. */
export async function runProgram(program: Program, places: Places, env: NodeJS.ProcessEnv = {}): Promise<Run> {
  let code = program.code;
  for (const [name, place] of Object.entries(places)) code = code.replaceAll(name, place);
  const child = spawn(process.execPath, [...process.execArgv, '--input-type=module-typescript', '--eval', code], {
    // Imports are resolved from here.
    cwd: resolve(import.meta.dirname, '..'),
    env: { ...process.env, NODE_NO_WARNINGS: '1', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: longest,
    killSignal: 'SIGKILL',
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  const { promise, resolve: settle, reject } = Promise.withResolvers<number | null>();
  child.once('error', reject).once('close', settle);
  const status = await promise;
  if (status === 0) return { failure: undefined, output };
  const why = status === null ? `did not end within ${longest} ms` : `ended with ${status}`;
  // The name that Node.js gives to the code, by the one that a reader knows.
  const told = output.replaceAll(/(?:file:\/\/)?\/\S*\[eval1?\]/g, program.page);
  return { failure: `${program.page}:${program.line}: ${why}\n${told}`, output };
}
