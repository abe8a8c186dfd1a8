import { readFileSync } from 'node:fs';

/**
 * Names a process: its id and, where the system tells it, its start time, so that a later process with the same id is
 * not taken for it. `undefined` where there is none (any more).
 */
export function processIdentity(pid: number): string | undefined {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return undefined;
  }
  try {
    // Behind the program's name in parentheses, which may hold anything: the state, and 19 fields on the start time.
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ');
    return fields[0] === 'Z' ? undefined : `${pid}-${fields[19]}`;
  } catch {
    return process.platform === 'linux' ? undefined : `${pid}`;
  }
}

export function isAlive(identity: string): boolean {
  return processIdentity(Number.parseInt(identity, 10)) === identity;
}

/**
 * The run that owns what this process starts: named by the process that began it, which hands the name to its children
 * (a test runner to its workers) in the environment.
 */
export function currentRun(): string {
  process.env['KV_TEST_RUN'] ??= processIdentity(process.pid) ?? `${process.pid}`;
  return process.env['KV_TEST_RUN'];
}
