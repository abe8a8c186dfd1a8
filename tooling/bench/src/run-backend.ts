/*
 * Measures one backend, in a process that has no other one's code: `run-backend.ts <backend> [--quick]`. Tells its parent by messages.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Deployment, startServers } from '@kv-tooling/servers';
import type { Backend } from './backend.ts';
import { loadBackend } from './backends/index.ts';
import type { Bench } from './bench.ts';
import { type Client, storeClient } from './client.ts';
import { buildLibkv, Libkv } from './libkv.ts';
import { describeMachine } from './machine.ts';
import type { Message } from './message.ts';
import { installPeers, peerVersion } from './peers.ts';
import type { Row } from './results.ts';
import { calls } from './sections/calls.ts';
import { growthOfKeys } from './sections/keys.ts';
import { locks } from './sections/locks.ts';
import { loop } from './sections/loop.ts';
import { memory } from './sections/memory.ts';
import { processes } from './sections/processes.ts';
import { watch } from './sections/watch.ts';
import { growthOfWatchers } from './sections/watchers.ts';
import { wire } from './sections/wire.ts';
import { fullSettings, quickSettings } from './settings.ts';
import { versionOf } from './versions.ts';

const [name = '', mode] = process.argv.slice(2);
const settings = mode === '--quick' ? quickSettings : fullSettings;
const backend = await loadBackend(name);
const start = performance.now();
const date = new Date().toISOString();
const versions: Record<string, string> = { [backend.bareClient]: versionOf(backend.bareClient) };
const notes: string[] = [];
const rows: Row[] = [];
const tell = (message: Message) => void process.send?.(message);

const { place, remove } = await findPlace(backend);
const bench: Bench = {
  backend,
  place,
  settings,
  step: (what) => tell({ type: 'step', what }),
  add(row) {
    rows.push(row);
    tell({ type: 'row', row });
  },
  note(text) {
    notes.push(text);
    tell({ type: 'note', text });
  },
};

// Before there are clients: it blocks the event loop, and a session would end meanwhile.
const tools = prepareTools();
const store = await backend.openStore(place);
const bare = await backend.openBare(place);
const both: Record<string, Client> = { store: storeClient(store), bare };
try {
  await measureAll();
} finally {
  await store.close();
  await bare.close();
  await remove();
}
const seconds = Math.round((performance.now() - start) / 1_000);
tell({ type: 'done', results: { backend: name, machine: describeMachine(), date, seconds, versions, rows, notes } });
process.disconnect();

async function measureAll(): Promise<void> {
  const peers = await openPeers();
  const libkv = tools.libkv === undefined ? undefined : new Libkv(tools.libkv, place);
  try {
    await section('calls', () => calls(bench, { ...both, ...peers }, libkv === undefined ? [] : [libkv]));
    await section('event loop', () =>
      loop(bench, { ...both, ...('worker thread' in peers && { 'worker thread': peers['worker thread'] }) }),
    );
  } finally {
    for (const peer of Object.values(peers)) await peer.close();
    await libkv?.close();
  }
  await section('requests and bytes', () => wire(bench));
  const second = storeClient(await backend.openStore(place));
  const secondBare = await backend.openBare(place);
  try {
    await section('watches', () => watch(bench, both, { store: second, bare: secondBare }));
    if (backend.server === undefined) await section('processes', () => processes(bench, store));
    await section('watchers', () => growthOfWatchers(bench, both['store'] as Client, second));
  } finally {
    await second.close();
    await secondBare.close();
  }
  await section('locks', () => locks(bench, store));
  await section('memory', () => memory(bench));
  await section('keys', () => growthOfKeys(bench, store, both));
}

/** What fails leaves the rest to be measured. */
async function section(what: string, run: () => Promise<void>): Promise<void> {
  try {
    await run();
  } catch (error) {
    notes.push(`${what} has failed: ${firstLine(error)}`);
    tell({ type: 'failed', what, error: String(error instanceof Error ? error.stack : error) });
  }
}

async function findPlace({ server }: Backend): Promise<{ place: string; remove: () => Promise<void> }> {
  if (server === undefined) {
    const directory = await mkdtemp(join(tmpdir(), 'kv-bench-'));
    return { place: directory, remove: () => rm(directory, { recursive: true }) };
  }
  tell({ type: 'step', what: `starting ${server.kind}` });
  const deployment: Deployment = await startServers(server.kind);
  const [{ host, port }] = deployment.servers as [Deployment['servers'][0]];
  versions[`${server.kind} (server)`] = `${deployment.version}, ${deployment.mode}`;
  return { place: `${host}:${port}`, remove: () => deployment.remove() };
}

/** Gets what the backend is compared with. @returns The name of libkv's driver, if it can be used. */
function prepareTools(): { readonly libkv: string | undefined } {
  if (backend.peers !== undefined) {
    bench.step('installing what it is compared with');
    try {
      installPeers();
    } catch (error) {
      bench.note(`the peers could not be installed: ${firstLine(error)}`);
    }
  }
  if (backend.libkv === undefined) {
    bench.note('libkv is not compared: see tooling/bench/README.md');
    return { libkv: undefined };
  }
  bench.step('compiling libkv');
  try {
    versions['Go, for libkv'] = buildLibkv();
    return { libkv: backend.libkv };
  } catch (error) {
    bench.note(`libkv is skipped: ${firstLine(error)}`);
    return { libkv: undefined };
  }
}

async function openPeers(): Promise<Record<string, Client>> {
  const opened: Record<string, Client> = {};
  for (const [peer, { packages, open }] of Object.entries(backend.peers ?? {})) {
    try {
      const client = await open(place);
      await client.put('calls/0000/000', Buffer.from('x'));
      opened[peer] = client;
      for (const name of packages) versions[name] = peerVersion(name);
    } catch (error) {
      bench.note(`${peer} is skipped: ${firstLine(error)}`);
    }
  }
  return opened;
}

function firstLine(error: unknown): string {
  return String(error instanceof Error ? error.message : error).split('\n')[0] ?? '';
}
