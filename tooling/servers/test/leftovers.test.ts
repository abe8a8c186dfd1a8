import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { getContainerRuntimeClient } from 'testcontainers';
import { describe, type TestContext, test } from 'vitest';
import { findMode, poll } from '../src/index.ts';
import { sweepDeadRuns } from '../src/sweep.ts';

interface Run {
  readonly child: ChildProcess;
  readonly name: string;
  /** Of one of its servers. */
  readonly port: number;
}

/** Runs node with these arguments, in a run of its own, until its servers serve. */
async function startRun(context: TestContext, ...args: string[]): Promise<Run> {
  const { KV_TEST_RUN: _, ...inherited } = process.env;
  const child = spawn(process.execPath, args, {
    cwd: import.meta.dirname,
    env: inherited,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  context.onTestFinished(() => {
    child.kill('SIGKILL');
  });
  const errors = text(child.stderr);
  for await (const line of createInterface(child.stdout)) {
    const [, name, port] = /^(\d+-\d+) (\d+)$/.exec(line) ?? [];
    if (!name) continue;
    child.stdout.resume();
    assert(await listens(Number(port)), 'its servers serve');
    assert.notDeepEqual(await leftOf(name), []);
    return { child, name, port: Number(port) };
  }
  throw new Error(`node ${args.join(' ')} ended before its servers served: ${await errors}`);
}

async function listens(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

/** The containers, networks and folders of a run. */
async function leftOf(run: string): Promise<string[]> {
  const folders = await readdir(join(import.meta.dirname, '../../../.cache/runs')).catch(() => []);
  const left = folders.filter((name) => name.startsWith(`${run}.`));
  if ((await findMode('etcd')) === 'processes') return left;
  const { dockerode } = (await getContainerRuntimeClient()).container;
  const filters = { label: [`kv-test.run=${run}`] };
  const containers = await dockerode.listContainers({ all: true, filters });
  const networks = await dockerode.listNetworks({ filters });
  return [...left, ...containers.map(({ Id }) => Id), ...networks.map(({ Id }) => Id)];
}

async function ended({ child }: Run): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
}

async function nothingIsLeft(run: Run): Promise<void> {
  await poll('nothing is left', async () => (await leftOf(run.name)).length === 0);
  assert.equal(await listens(run.port), false);
}

async function watchdogOf({ name }: Run): Promise<number> {
  for (const pid of await readdir('/proc')) {
    const commandLine = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    if (commandLine.includes('watchdog.ts') && commandLine.includes(name)) return Number(pid);
  }
  throw new Error(`no watchdog of ${name}`);
}

const vitest = ['../node_modules/vitest/vitest.mjs', 'run', '--config', 'hanging.vitest.config.ts'];

// One after the other: each run sweeps at its beginning, and would do the work of the one under test.
describe('nothing is left', () => {
  test('of a program that is killed', async (context) => {
    const run = await startRun(context, 'hanging-run.ts');
    run.child.kill('SIGKILL');
    await nothingIsLeft(run);
  });

  test.for(['SIGINT', 'SIGTERM'] as const)('of a test run that %s ends', async (signal, context) => {
    const run = await startRun(context, ...vitest, '--testTimeout=60000');
    run.child.kill(signal);
    await nothingIsLeft(run);
  });

  test('of a test that runs out of time, when the run ends', async (context) => {
    const run = await startRun(context, ...vitest, '--testTimeout=100');
    await ended(run);
    assert.equal(run.child.exitCode, 1);
    assert.deepEqual(await leftOf(run.name), []);
  });

  test('after the next run, of a program that is killed together with its watchdog', async (context) => {
    const run = await startRun(context, 'hanging-run.ts');
    process.kill(await watchdogOf(run), 'SIGKILL');
    run.child.kill('SIGKILL');
    await ended(run);
    if ((await findMode('etcd')) === 'processes') {
      // Its processes end with it, before any sweep.
      await poll('its servers end', async () => !(await listens(run.port)));
    }
    await sweepDeadRuns();
    await nothingIsLeft(run);
  });

  test('only when its run has ended', async (context) => {
    const run = await startRun(context, 'hanging-run.ts');
    await sweepDeadRuns();
    assert.equal(await listens(run.port), true);
    run.child.kill('SIGTERM');
    await nothingIsLeft(run);
  });
});
