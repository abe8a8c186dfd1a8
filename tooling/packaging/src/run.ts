import { execFile } from 'node:child_process';

/** Runs a command to its end. @returns what it printed on stdout. @throws with all that it printed if it fails */
export function run(
  folder: string,
  command: string,
  args: readonly string[] = [],
  env: NodeJS.ProcessEnv = {},
): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = { cwd: folder, env: { ...process.env, ...env }, encoding: 'utf8' as const, maxBuffer: 1 << 26 };
    execFile(command, args, options, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else reject(new Error(`${command} ${args.join(' ')} failed:\n${stdout}${stderr || error.message}`));
    });
  });
}
