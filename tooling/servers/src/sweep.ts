import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { dockerAnswers, sweepContainers } from './containers.ts';
import { sweepProcesses } from './processes.ts';
import { currentRun, isAlive, processIdentity } from './run.ts';

async function sweep(isOver: (run: string) => boolean): Promise<void> {
  await sweepProcesses(isOver);
  if (await dockerAnswers()) await sweepContainers(isOver);
}

/** Removes whatever a run has started and not removed. */
export function sweepRun(name: string): Promise<void> {
  return sweep((run) => run === name);
}

/** Removes what runs have left whose process is gone. */
export function sweepDeadRuns(): Promise<void> {
  return sweep((run) => !isAlive(run));
}

let begun: Promise<void> | undefined;

/** Before the first server of a run: removes what dead runs have left, and sees to it that this one leaves nothing. */
export function beginRun(): Promise<void> {
  begun ??= begin();
  return begun;
}

async function begin(): Promise<void> {
  const run = currentRun();
  if (run !== processIdentity(process.pid)) return; // the process that began the run has done it
  // In a session of its own, where no Ctrl-C reaches it. It notices our end by the end of its input.
  const watchdog = spawn(process.execPath, [join(import.meta.dirname, 'watchdog.ts'), run], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  watchdog.unref();
  (watchdog.stdin as unknown as { unref(): void }).unref(); // a net.Socket
  await sweepDeadRuns();
}
