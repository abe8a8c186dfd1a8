import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Address } from '@kv-tooling/servers';

/** Runs etcd's own command line tool, from the package that the test servers come from where there is no other. */
export class Etcdctl {
  readonly #program: string;
  readonly #endpoint: string;

  static async find({ host, port }: Address): Promise<Etcdctl> {
    const script = fileURLToPath(new URL('../../../tooling/servers/scripts/fetch-servers.sh', import.meta.url));
    const program =
      process.env['KV_TEST_ETCDCTL'] ??
      `${(await promisify(execFile)(script, ['etcd'])).stdout.trim()}/etcd/bin/etcdctl`;
    return new Etcdctl(program, `http://${host}:${port}`);
  }

  private constructor(program: string, endpoint: string) {
    this.#program = program;
    this.#endpoint = endpoint;
  }

  async run(...args: string[]): Promise<string> {
    const { stdout } = await promisify(execFile)(this.#program, [`--endpoints=${this.#endpoint}`, ...args], {
      env: { ...process.env, ETCDCTL_API: '3' },
    });
    return stdout.trim();
  }

  /** A command that goes on until it is told to end. */
  start(...args: string[]): RunningCommand {
    return new RunningCommand(
      spawn(this.#program, [`--endpoints=${this.#endpoint}`, ...args], {
        env: { ...process.env, ETCDCTL_API: '3' },
        stdio: ['ignore', 'pipe', 'inherit'],
      }),
    );
  }
}

export class RunningCommand {
  readonly #child: ChildProcess;
  readonly #exited: Promise<unknown>;
  output = '';

  constructor(child: ChildProcess) {
    this.#child = child;
    this.#exited = once(child, 'exit');
    child.stdout?.setEncoding('utf8').on('data', (text) => {
      this.output += text;
    });
  }

  /** SIGINT, on which etcdctl releases what it holds. */
  async interrupt(): Promise<void> {
    this.#child.kill('SIGINT');
    await this.#exited;
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#exited;
  }
}
