import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { CandidateReport } from '../programs/candidate.ts';

const program = fileURLToPath(new URL('../programs/candidate.ts', import.meta.url));

/** One candidate in a process of its own. */
export class CandidateProcess {
  readonly name: string;
  readonly reports: CandidateReport[] = [];
  readonly exited: Promise<unknown>;
  readonly #child: ChildProcess;

  /** @param file Where it writes its acts. */
  constructor(url: string, name: string, ttl: number, file: string) {
    this.name = name;
    this.#child = spawn(process.execPath, ['--conditions=@kv/source', program, url, name, String(ttl), file], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    this.exited = once(this.#child, 'close');
    this.#child.on('message', (report) => this.reports.push(report as CandidateReport));
  }

  /** Whether it ended though nobody killed it. */
  get hasFailed(): boolean {
    return this.#child.exitCode !== null;
  }

  has(event: CandidateReport['event'], term?: string): boolean {
    return this.reports.some((report) => report.event === event && (term === undefined || report.term === term));
  }

  /** Resigns; or stops itself, as SIGSTOP from outside does, but never in the midst of a commit to a database that others need. */
  ask(what: 'resign' | 'freeze'): void {
    this.#child.send(what);
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }
}
