import assert from 'node:assert/strict';
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { onTestFinished, test } from 'vitest';

const program = join(import.meta.dirname, '../run.mjs');

test('a job’s output and exit code come through, and its arguments arrive as they are', async () => {
  const script = 'process.stdout.write(JSON.stringify(process.argv.slice(1))); process.exit(7)';
  const run = start('exec', 'node', '--eval', script, '--', 'a b', '$HOME', '--flag');
  const [stdout, [status]] = await Promise.all([text(run.stdout), once(run, 'close')]);
  assert.deepEqual(JSON.parse(stdout), ['a b', '$HOME', '--flag']);
  assert.equal(status, 7);
});

test('a job that a signal ended gives 128 and its number', async () => {
  const [status] = await once(start('exec', 'node', '--eval', 'process.kill(process.pid, "SIGKILL")'), 'close');
  assert.equal(status, 137);
});

test('a signal reaches the job, whose exit code then counts', async () => {
  const run = start('exec', 'node', '--eval', untilSignal('SIGINT', 'process.exit(5)'));
  await ready(run);
  run.kill('SIGINT');
  const [status] = await once(run, 'close');
  assert.equal(status, 5);
});

test('what a job leaves behind after a signal is killed', async () => {
  const stubborn = untilSignal('SIGTERM', '');
  const script = `require('node:child_process').spawn(process.execPath, ['--eval', ${JSON.stringify(stubborn)}], { stdio: 'inherit' })`;
  const run = start('exec', 'node', '--eval', script);
  const left = await ready(run);
  onTestFinished(() => killIfAlive(left));
  run.kill('SIGTERM');
  // Comes when no process has the pipe open any more.
  await once(run, 'close');
});

test('without a job, or with one that does not exist, it tells what there is', async () => {
  for (const args of [[], ['exec'], ['toString']]) {
    const run = start(...args);
    const [stderr, [status]] = await Promise.all([text(run.stderr), once(run, 'close')]);
    assert.match(stderr, /^bootstrap: usage: /);
    assert.equal(status, 2);
  }
});

type Run = ChildProcessByStdio<null, Readable, Readable>;

function start(...args: string[]): Run {
  const run = spawn(process.execPath, [program, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  onTestFinished(() => void run.kill('SIGKILL'));
  return run;
}

function untilSignal(signal: string, action: string): string {
  return `process.on('${signal}', () => { ${action} }); setInterval(() => {}, 1000); console.log('ready', process.pid)`;
}

/** The id of the process that says so. */
async function ready({ stdout }: Run): Promise<number> {
  for await (const line of createInterface(stdout)) return Number(line.replace(/^ready /, ''));
  throw new Error('the job ended before it was ready');
}

function killIfAlive(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}

async function text(stream: Readable): Promise<string> {
  let all = '';
  for await (const chunk of stream) all += chunk;
  return all;
}
