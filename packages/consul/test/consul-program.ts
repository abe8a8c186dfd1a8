import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Address } from '@kv-tooling/servers';

/** Consul's own program, from the package that the test servers come from where `KV_TEST_CONSUL_PROGRAM` names no other. */
export async function findConsul(): Promise<string> {
  const named = process.env['KV_TEST_CONSUL_PROGRAM'];
  if (named) return named;
  const script = fileURLToPath(new URL('../../../tooling/servers/scripts/fetch-servers.sh', import.meta.url));
  const { stdout } = await promisify(execFile)(script, ['consul']);
  return `${stdout.trim()}/consul/bin/consul`;
}

/** `consul lock <prefix> …`: holds the lock, and prints `held`, until it is interrupted. */
export class ConsulLockCommand {
  readonly #child: ChildProcess;
  readonly #exited: Promise<unknown>;
  output = '';

  constructor(program: string, { host, port }: Address, prefix: string, ...flags: string[]) {
    const args = ['lock', `-http-addr=http://${host}:${port}`, ...flags, prefix, 'echo held; exec sleep 60'];
    this.#child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    this.#exited = once(this.#child, 'exit');
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text) => {
        this.output += text;
      });
    }
  }

  get holds(): boolean {
    return this.output.includes('held');
  }

  get hasExited(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  /** On SIGINT it ends its child, releases the lock, and exits. */
  async interrupt(): Promise<void> {
    if (!this.hasExited) this.#child.kill('SIGINT');
    await this.#exited;
  }
}
