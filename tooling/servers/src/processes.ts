import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { classPath, findJava } from './java.ts';
import { freePort, returnPort } from './ports.ts';
import type { Command, Place, Recipe } from './recipe.ts';
import { currentRun, isAlive, processIdentity } from './run.ts';
import type { Kind } from './server.ts';
import type { Instance, Site } from './site.ts';

const run = promisify(execFile);

/** `<runs>/<run>.<deployment>/<member>`: the member's configuration, data, log and process id. */
const runs = resolve(import.meta.dirname, '../../../.cache/runs');
const fetchServers = resolve(import.meta.dirname, '../scripts/fetch-servers.sh');

/** What this machine lacks of the programs is fetched, all of it at once. */
async function findPrograms(): Promise<Record<Kind, (command: Command) => string[]>> {
  const java = await findJava();
  const store = await fetchParts(['etcd', 'consul', 'zookeeper', ...java.parts]);
  const zooKeeper = [java.program(store), '-cp', await classPath(store, 'zookeeper')];
  return {
    etcd: ({ args }) => [`${store}/etcd/bin/etcd`, ...args],
    consul: ({ args }) => [`${store}/consul/bin/consul`, ...args],
    // What zkServer.sh does with `start-foreground CONFIG`.
    zookeeper: ({ jvmFlags = [], args: [, config = ''] }) => [
      ...zooKeeper,
      ...jvmFlags,
      'org.apache.zookeeper.server.quorum.QuorumPeerMain',
      config,
    ],
  };
}
let programs: ReturnType<typeof findPrograms> | undefined;

/** The folder in which each of the parts has a folder. */
async function fetchParts(parts: string[]): Promise<string> {
  try {
    return (await run(fetchServers, parts)).stdout.trim();
  } catch (error) {
    throw new Error(
      [
        'the servers cannot be started here: no Docker daemon answers (or KV_TEST_MODE is processes), and their Debian',
        'packages could not be fetched:',
        (error as { stderr?: string }).stderr?.trim(),
        'Ways out: start Docker; run on Debian or Ubuntu, with a package mirror in reach (KV_DEBIAN_MIRROR); or name',
        'servers that run already (KV_TEST_ETCD_URL, KV_TEST_CONSUL_URL, KV_TEST_ZOOKEEPER_URL).',
      ].join('\n'),
      { cause: error },
    );
  }
}

class ProcessInstance implements Instance {
  readonly #directory: string;
  readonly #commandLine: readonly string[];
  #child: ChildProcess | undefined;
  #exited: Promise<unknown> = Promise.resolve();

  constructor(directory: string, commandLine: readonly string[]) {
    this.#directory = directory;
    this.#commandLine = commandLine;
  }

  async start(): Promise<void> {
    const log = openSync(join(this.#directory, 'log'), 'a');
    // The kernel kills the server when this process ends, however it ends. In a session of its own, a Ctrl-C in the terminal
    // reaches this process alone.
    const child = spawn('setpriv', ['--pdeathsig=KILL', ...this.#commandLine], {
      cwd: this.#directory,
      stdio: ['ignore', log, log],
      detached: true,
    });
    closeSync(log);
    this.#child = child;
    this.#exited = once(child, 'exit');
    this.#exited.catch(() => {}); // it could not be spawned, as the next line says
    await once(child, 'spawn');
    await writeFile(join(this.#directory, 'pid'), processIdentity(child.pid as number) ?? '');
  }

  async kill(): Promise<void> {
    this.#child?.kill('SIGKILL');
    await this.#exited;
  }

  async stop(): Promise<void> {
    this.#child?.kill('SIGTERM');
    const grace = setTimeout(() => this.#child?.kill('SIGKILL'), 10_000);
    await this.#exited;
    clearTimeout(grace);
  }

  async freeze(): Promise<void> {
    this.#child?.kill('SIGSTOP');
  }

  async thaw(): Promise<void> {
    this.#child?.kill('SIGCONT');
  }

  async isRunning(): Promise<boolean> {
    return this.#child?.exitCode === null && this.#child.signalCode === null;
  }

  async log(): Promise<string> {
    return (await readFile(join(this.#directory, 'log'), 'utf8')).split('\n').slice(-20).join('\n');
  }
}

export async function openProcessSite(kind: Kind, recipe: Recipe, size: 1 | 3): Promise<Site> {
  programs ??= findPrograms();
  const commandLine = (await programs)[kind];
  const root = join(runs, `${currentRun()}.${randomUUID()}`);
  const host = '127.0.0.1';
  const places: Place[] = [];
  for (let number = 1; number <= size; number++) {
    const ports: Record<string, number> = {};
    for (const role of Object.keys(recipe.ports)) ports[role] = await freePort();
    places.push({
      name: `${kind}${number}`,
      client: { host, port: ports['client'] as number },
      listen: host,
      peer: host,
      ports,
      directory: join(root, `${kind}${number}`),
    });
  }

  const instances: Instance[] = [];
  return {
    places,
    canIsolate: false,

    async create({ directory }, command) {
      for (const [name, content] of Object.entries(command.files)) {
        const path = join(directory, name);
        await mkdir(dirname(path), { recursive: true });
        await writeFile(path, content);
      }
      await mkdir(directory, { recursive: true });
      const instance = new ProcessInstance(directory, commandLine(command));
      instances.push(instance);
      await instance.start();
      return instance;
    },

    isolate: notPossible,
    rejoin: notPossible,

    async remove() {
      await Promise.all(instances.map((instance) => instance.kill()));
      await rm(root, { recursive: true, force: true });
      for (const { ports } of places) for (const port of Object.values(ports)) returnPort(port);
    },
  };
}

// All of them are at 127.0.0.1, and etcd and Consul know a peer by one address alone: nothing could stand between two.
async function notPossible(): Promise<never> {
  throw new Error('servers that run as processes cannot be cut off from each other: use containers (KV_TEST_MODE)');
}

/** Ends the servers of the runs that `isOver` tells, and removes their folders. */
export async function sweepProcesses(isOver: (run: string) => boolean): Promise<void> {
  for (const deployment of await entries(runs)) {
    if (!isOver(deployment.split('.', 1).join())) continue;
    for (const member of await entries(join(runs, deployment))) {
      const identity = await readFile(join(runs, deployment, member, 'pid'), 'utf8').catch(() => '');
      if (!isAlive(identity)) continue;
      process.kill(Number.parseInt(identity, 10), 'SIGKILL');
      while (isAlive(identity)) await sleep(10);
    }
    await rm(join(runs, deployment), { recursive: true, force: true });
  }
}

async function entries(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}
