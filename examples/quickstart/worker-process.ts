import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { WorkerReport } from './report.ts';

const program = fileURLToPath(new URL('worker.ts', import.meta.url));

/** One worker: a process of its own, and what it has told. */
export class WorkerProcess {
  readonly name: string;
  readonly reports: WorkerReport[] = [];
  readonly exited: Promise<unknown>;
  readonly #child: ChildProcess;

  constructor(name: string, url: string, onReport: (report: WorkerReport) => void) {
    this.name = name;
    this.#child = spawn(process.execPath, [...process.execArgv, program, url, name], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.exited = once(this.#child, 'exit');
    const lines = createInterface({ input: this.#child.stdout as NodeJS.ReadableStream });
    lines.on('line', (line) => {
      const report: WorkerReport = JSON.parse(line);
      this.reports.push(report);
      onReport(report);
    });
  }

  /** The term in which it leads, if it does. */
  get term(): bigint | undefined {
    const leading = this.reports.findLast((report) => report.event === 'leading');
    return leading === undefined ? undefined : BigInt(leading.term);
  }

  /** Whether it has told of the value of a key of the configuration. */
  hasSeen(key: string, value: unknown): boolean {
    const seen = this.reports.findLast((report) => report.event === 'config' && report.key === key);
    return seen?.event === 'config' && JSON.stringify(seen.value) === JSON.stringify(value);
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }
}
