import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { chmod, mkdtemp, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { promisify } from 'node:util';
import { json, openStore } from '@kv/core';
import { sqlite } from '@kv/sqlite';
import { type Access, classPath, type Deployment, findJava, type Kind, startServers } from '@kv-tooling/servers';
import { afterAll, afterEach, beforeAll, beforeEach, describe, test } from 'vitest';
import { type CodeBlock, codeBlocks, programs } from '../src/code-blocks.ts';
import { readPage, repository } from '../src/pages.ts';
import { type Places, runProgram } from '../src/run-program.ts';

const page = 'docs/production.md';
const markdown = readPage(page);
const run = promisify(execFile);

/** What the page presumes: the service's certificates in its folder, and an operator's tools that are logged in. */
interface Site {
  readonly places: Places;
  readonly env: NodeJS.ProcessEnv;
}

async function secured(kind: Kind, folder: string, deployment: Deployment): Promise<Site> {
  const { tls } = deployment.client;
  if (tls !== undefined) {
    await writeFile(`${folder}/ca.pem`, tls.ca);
    await writeFile(`${folder}/client.pem`, tls.cert);
    await writeFile(`${folder}/client.key`, tls.key);
  }
  const usualPort = { etcd: 2379, consul: 8501, zookeeper: 2181 }[kind];
  const places = deployment.servers.flatMap(({ host, port }, i) => [
    [`${kind}-${i + 1}.internal:${usualPort}`, `${host}:${port}`],
    [`${kind}-${i + 1}.internal/${usualPort}`, `${host}/${port}`],
  ]);
  const endpoints = deployment.servers.map(({ host, port }) => `https://${host}:${port}`);
  const programs = kind === 'zookeeper' ? await zooKeeperPrograms(folder) : await fetchedPrograms(kind);
  const operator = { etcd: etcdctl, consul: consulTool, zookeeper: zooKeeperTool }[kind];
  return {
    places: { ...Object.fromEntries(places), '/etc/orders': folder },
    env: {
      PATH: `${programs}:${process.env['PATH']}`,
      ORDERS_PASSWORD: 'orders-password',
      ...operator(endpoints, folder, deployment.admin),
    },
  };
}

async function fetched(...parts: string[]): Promise<string> {
  return (await run(`${repository}/tooling/servers/scripts/fetch-servers.sh`, parts)).stdout.trim();
}

async function fetchedPrograms(kind: Kind): Promise<string> {
  return `${await fetched(kind)}/${kind}/bin`;
}

/** Debian's library has no scripts: this one does what the distribution's does. */
async function zooKeeperPrograms(folder: string): Promise<string> {
  const java = await findJava();
  const store = await fetched('zookeeper', ...java.parts);
  const command = [
    java.program(store),
    '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn',
    '-cp',
    await classPath(store, 'zookeeper'),
    'org.apache.zookeeper.ZooKeeperMain',
  ];
  await writeFile(`${folder}/zkCli.sh`, `#!/bin/sh\nexec ${command.join(' ')} "$@"\n`, { mode: 0o755 });
  return folder;
}

function etcdctl(endpoints: readonly string[], folder: string, { login }: Access): NodeJS.ProcessEnv {
  return {
    ETCDCTL_API: '3',
    ETCDCTL_ENDPOINTS: endpoints.join(),
    ETCDCTL_CACERT: `${folder}/ca.pem`,
    ETCDCTL_CERT: `${folder}/client.pem`,
    ETCDCTL_KEY: `${folder}/client.key`,
    ETCDCTL_USER: `${login?.user}:${login?.password}`,
  };
}

function consulTool([address]: readonly string[], folder: string, { token }: Access): NodeJS.ProcessEnv {
  return {
    CONSUL_HTTP_ADDR: address,
    CONSUL_CACERT: `${folder}/ca.pem`,
    CONSUL_CLIENT_CERT: `${folder}/client.pem`,
    CONSUL_CLIENT_KEY: `${folder}/client.key`,
    CONSUL_HTTP_TOKEN: token,
  };
}

function zooKeeperTool(_endpoints: readonly string[], _folder: string, { login }: Access): NodeJS.ProcessEnv {
  return { SUPER_PASSWORD: login?.password };
}

/** The blocks below the heading, as a reader would go through them. */
function blocksOf(heading: string): CodeBlock[] {
  const lines = markdown.split('\n');
  const start = lines.indexOf(`## ${heading}`);
  const next = lines.findIndex((line, i) => i > start && line.startsWith('## '));
  const found = codeBlocks(page, markdown);
  return found.filter(({ line }) => line > start && (next === -1 || line <= next));
}

async function follow(blocks: readonly CodeBlock[], { places, env }: Site): Promise<void> {
  assert(blocks.length > 0, 'there is nothing to follow');
  for (const block of blocks) {
    if (block.language === 'sh') {
      let script = block.code;
      for (const [name, place] of Object.entries(places)) script = script.replaceAll(name, place);
      await run('bash', ['-euo', 'pipefail', '-c', script], { env: { ...process.env, ...env } }).catch((error) => {
        throw new Error(`${page}:${block.line}: ${error.message}`);
      });
    } else {
      const [program] = programs([block]);
      assert(program !== undefined, `${page}:${block.line}: neither shell nor TypeScript`);
      // The service's own environment: not the operator's.
      const { failure } = await runProgram(program, places, { ORDERS_PASSWORD: env['ORDERS_PASSWORD'] });
      assert(failure === undefined, failure);
    }
  }
}

describe.each([
  ['etcd', 'etcd'],
  ['Consul', 'consul'],
  ['ZooKeeper', 'zookeeper'],
] as const)('docs/production.md, below %s', (heading, kind) => {
  let deployment: Deployment;
  let folder: string;
  let site: Site;

  beforeAll(async () => {
    folder = await mkdtemp(`${tmpdir()}/kv-production-`);
    deployment = await startServers(kind, { size: 3, secured: true });
    site = await secured(kind, folder, deployment);
  });
  afterAll(async () => {
    await deployment?.remove();
    await rm(folder, { recursive: true });
  });

  test('works as it is written, and gives access to nothing else and to nobody else', async () => {
    const blocks = blocksOf(heading);
    await follow(blocks, site);
    const service = blocks.filter(({ language }) => language === 'ts');
    const changed = (changes: Places) => follow(service, { ...site, places: { ...changes, ...site.places } });
    await assert.rejects(
      changed({ "root: 'orders'": "root: 'app'", "root: '/orders'": "root: '/app'" }),
      /KV_PERMISSION_DENIED/,
    );
    await assert.rejects(
      changed({
        "process.env['ORDERS_PASSWORD']": "'guessed'",
        "tokenFile: '/etc/orders/consul-token'": "token: '6f4ad6c4-8ef5-4a5a-8a0f-3b9c5c1b8f10'",
        "await store.put('config', { replicas: 3 });": "await store.get('config'); process.exit();",
      }),
      /KV_PERMISSION_DENIED/,
    );
  });
});

describe('docs/production.md, below SQLite', () => {
  let folder: string;
  const modeOf = async (name: string) => ((await stat(`${folder}/${name}`)).mode & 0o777).toString(8);
  beforeEach(async () => {
    folder = await mkdtemp(`${tmpdir()}/kv-production-`);
  });
  afterEach(() => rm(folder, { recursive: true }));

  test('works as it is written, and leaves a backup that can take the place of the file', async () => {
    await chmod(folder, 0o755);
    await follow(blocksOf('SQLite'), { places: { '/var/lib/app': folder }, env: {} });
    assert.equal(await modeOf(''), '700');
    assert.deepEqual((await readdir(folder)).sort(), ['orders.backup.db', 'orders.db']);
    await rename(`${folder}/orders.backup.db`, `${folder}/orders.db`);
    await using store = await openStore(sqlite({ path: `${folder}/orders.db` }), { codec: json<unknown>() });
    assert.deepEqual((await store.get('config'))?.value, { replicas: 3 });
  });

  test('the files beside a file that was made for a group have its mode', async () => {
    await writeFile(`${folder}/orders.db`, '');
    await chmod(`${folder}/orders.db`, 0o660);
    await using store = await openStore(sqlite({ path: `${folder}/orders.db` }));
    await store.put('config', '3');
    const modes = await Promise.all(['orders.db', 'orders.db-wal', 'orders.db-shm'].map(modeOf));
    assert.deepEqual(modes, ['660', '660', '660']);
  });
});
