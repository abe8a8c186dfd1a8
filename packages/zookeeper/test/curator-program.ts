import { type ChildProcessByStdio, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { type Address, classPath, findJava } from '@kv-tooling/servers';

const fetchServers = fileURLToPath(new URL('../../../tooling/servers/scripts/fetch-servers.sh', import.meta.url));
const source = fileURLToPath(new URL('curator-locks.bsh', import.meta.url));

/** Apache Curator, in a process of its own that takes one lock after the other: curator-locks.bsh. */
export class CuratorProgram {
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly #answers: AsyncIterator<string>;
  readonly #exited: Promise<unknown>;
  #errors = '';

  static async start({ host, port }: Address): Promise<CuratorProgram> {
    const java = await findJava();
    const { stdout } = await promisify(execFile)(fetchServers, ['zookeeper', 'curator', ...java.parts]);
    const store = stdout.trim();
    const path = await classPath(store, 'zookeeper', 'curator');
    const flags = ['-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn'];
    const args = [...flags, '-cp', path, 'bsh.Interpreter', source, `${host}:${port}`];
    return new CuratorProgram(spawn(java.program(store), args));
  }

  private constructor(child: ChildProcessByStdio<Writable, Readable, Readable>) {
    this.#child = child;
    this.#answers = createInterface(child.stdout)[Symbol.asyncIterator]();
    this.#exited = once(child, 'close');
    child.stdin.on('error', () => {}); // it has ended, as its missing answer says
    child.stderr.setEncoding('utf8').on('data', (text) => {
      this.#errors += text;
    });
  }

  /** Waits for the lock. */
  async acquire(path: string): Promise<void> {
    const answer = await this.#ask('acquire', path);
    if (answer !== 'held') throw new Error(`Curator does not get the lock ${path}: ${answer}`);
  }

  async release(path: string): Promise<void> {
    await this.#ask('release', path);
  }

  /** Who holds the lock. */
  async holder(path: string): Promise<{ readonly node: string; readonly value: string }> {
    const [node = '', value = ''] = (await this.#ask('holder', path)).split(' ');
    return { node, value };
  }

  /** It closes its session, and exits. */
  async close(): Promise<void> {
    this.#child.stdin.end();
    await this.#exited;
  }

  async #ask(command: string, path: string): Promise<string> {
    this.#child.stdin.write(`${command} ${path}\n`);
    const { value, done } = await this.#answers.next();
    if (!done) return value;
    await this.#exited;
    throw new Error(`Curator has ended: ${this.#errors}`);
  }
}
