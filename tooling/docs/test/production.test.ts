import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { promisify } from 'node:util';
import { type Access, type Deployment, type Kind, startServers } from '@kv-tooling/servers';
import { afterAll, beforeAll, describe, test } from 'vitest';
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
  const [program, port, operator] = kind === 'etcd' ? ['etcd', 2379, etcdctl] : ['consul', 8501, consulTool];
  const script = `${repository}/tooling/servers/scripts/fetch-servers.sh`;
  const programs = `${(await run(script, [program])).stdout.trim()}/${program}/bin`;
  const places = deployment.servers.map((it, i) => [`${kind}-${i + 1}.internal:${port}`, `${it.host}:${it.port}`]);
  const endpoints = deployment.servers.map(({ host, port }) => `https://${host}:${port}`);
  return {
    places: { ...Object.fromEntries(places), '/etc/orders': folder },
    env: {
      PATH: `${programs}:${process.env['PATH']}`,
      ORDERS_PASSWORD: 'orders-password',
      ...operator(endpoints, folder, deployment.admin),
    },
  };
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

  test('works as it is written, and gives access to nothing else', async () => {
    const blocks = blocksOf(heading);
    await follow(blocks, site);
    const elsewhere = { ...site, places: { ...site.places, "root: 'orders'": "root: 'app'" } };
    const service = blocks.filter(({ language }) => language === 'ts');
    await assert.rejects(follow(service, elsewhere), /KV_PERMISSION_DENIED/);
  });
});

test('docs/production.md, below SQLite, works as it is written', async () => {
  const folder = await mkdtemp(`${tmpdir()}/kv-production-`);
  try {
    await follow(blocksOf('SQLite'), { places: { '/var/lib/app': folder }, env: {} });
  } finally {
    await rm(folder, { recursive: true });
  }
});
