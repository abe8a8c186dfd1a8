import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';

const unshare = ['unshare', '--user', '--map-root-user', '--mount'];

/** Whether this machine lets a test mount a disk that only it sees: on Linux, unless user namespaces are switched off. */
export const canMount = spawnSync('unshare', [...unshare.slice(1), 'true']).status === 0;

/** A program of `test/programs/` in a process of its own, which speaks in messages. */
export class Program<Message> {
  /** In the order in which they came. */
  readonly messages: Message[] = [];
  /** Resolves when the process is gone and its last message has been read. */
  readonly ended: Promise<unknown>;
  readonly #process: ChildProcess;
  #wake = () => {};

  static start<Message>(name: string, ...args: readonly (string | number)[]): Program<Message> {
    return new Program(commandOf(name, args));
  }

  /**
   * In a mount namespace of its own, in which `mount`, a line for the shell, has been run.
   *
   * @see canMount
   */
  static startWithMount<Message>(mount: string, name: string, ...args: readonly (string | number)[]): Program<Message> {
    return new Program([...unshare, 'sh', '-c', `${mount} && exec "$0" "$@"`, ...commandOf(name, args)]);
  }

  private constructor([command = '', ...args]: readonly string[]) {
    const child = spawn(command, args, {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      env: { ...process.env, NODE_COMPILE_CACHE: join(tmpdir(), 'kv-sqlite-compile-cache') },
    });
    this.#process = child;
    child.on('message', (message) => {
      this.messages.push(message as Message);
      this.#wake();
    });
    this.ended = once(child, 'close');
    onTestFinished(async () => {
      child.kill('SIGKILL');
      await this.ended;
    });
  }

  get exitCode(): number | null {
    return this.#process.exitCode;
  }

  get pid(): number {
    return this.#process.pid as number;
  }

  send(message: string): void {
    this.#process.send(message);
  }

  kill(signal: NodeJS.Signals): void {
    this.#process.kill(signal);
  }

  /** The first message that fulfils the condition, of those that have come or will. */
  async message<Wanted extends Message>(wanted: (message: Message) => message is Wanted): Promise<Wanted>;
  async message(wanted?: (message: Message) => boolean): Promise<Message>;
  async message(wanted: (message: Message) => boolean = () => true): Promise<Message> {
    const over = this.ended.then(() => true);
    for (let next = 0; ; ) {
      for (; next < this.messages.length; next++) {
        const message = this.messages[next] as Message;
        if (wanted(message)) return message;
      }
      const came = new Promise<false>((resolve) => {
        this.#wake = () => resolve(false);
      });
      if ((await Promise.race([came, over])) && next === this.messages.length) {
        throw new Error(`the program ended (exit code ${this.exitCode}) before it sent the message`);
      }
    }
  }
}

function commandOf(name: string, args: readonly (string | number)[]): string[] {
  const file = fileURLToPath(new URL(`./programs/${name}.ts`, import.meta.url));
  return [process.execPath, '--conditions=@kv/source', file, ...args.map(String)];
}
