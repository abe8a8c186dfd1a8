import { type ChildProcessByStdio, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import type { Contestant, Operation, Turn } from './contestant.ts';

/** Where Debian keeps the sources of Go packages: `golang-github-docker-libkv-dev`. */
const goPackages = '/usr/share/gocode';
const sources = join(import.meta.dirname, '../go');
const folder = join(import.meta.dirname, '../../../.cache/bench');
const program = join(folder, 'kvbench');

/** @returns The version of Go that has compiled it. @throws That Go or libkv are not there. */
export function buildLibkv(): string {
  if (!existsSync(join(goPackages, 'src/github.com/docker/libkv'))) {
    throw new Error('Go and libkv are not at hand (on Debian: golang-go, golang-github-docker-libkv-dev)');
  }
  mkdirSync(folder, { recursive: true });
  const workspace = mkdtempSync(join(tmpdir(), 'kv-bench-go-'));
  try {
    mkdirSync(join(workspace, 'src'));
    symlinkSync(sources, join(workspace, 'src/kvbench'));
    const env = { ...process.env, GO111MODULE: 'off', GOPATH: `${workspace}:${goPackages}` };
    execFileSync('go', ['build', '-o', program, 'kvbench'], { env, stdio: 'pipe' });
    return execFileSync('go', ['env', 'GOVERSION'], { env, encoding: 'utf8' }).trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') throw new Error('Go is not at hand');
    throw error;
  } finally {
    rmSync(workspace, { recursive: true });
  }
}

/** docker/libkv, in a process of its own that takes its turns when it is told. */
export class Libkv implements Contestant {
  readonly name = 'libkv (Go)';
  readonly #process: ChildProcessByStdio<Writable, Readable, null>;
  readonly #answers: AsyncIterator<string>;

  constructor(driver: string, place: string) {
    this.#process = spawn(program, [driver, place], { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#answers = createInterface(this.#process.stdout)[Symbol.asyncIterator]();
  }

  can(operation: Operation): boolean {
    return operation !== 'session';
  }

  async turn(operation: Operation, callers: number, milliseconds: number): Promise<Turn> {
    this.#process.stdin.write(`${operation} ${callers} ${Math.round(milliseconds)}\n`);
    const { value, done } = await this.#answers.next();
    if (done) throw new Error(`libkv's program has ended in ${operation}`);
    return JSON.parse(value);
  }

  async close(): Promise<void> {
    const exited = once(this.#process, 'exit');
    this.#process.stdin.end();
    await exited;
  }
}
