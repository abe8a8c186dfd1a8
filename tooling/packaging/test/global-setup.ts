import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { shareServers } from '@kv-tooling/servers/vitest';
import type { TestProject } from 'vitest/node';
import { announce } from '../src/announce.ts';
import { type Installed, installAll } from '../src/install-all.ts';

declare module 'vitest' {
  export interface ProvidedContext extends Installed {}
}

const startServers = shareServers('etcd', 'consul', 'zookeeper');

/** Builds, packs and installs once for all tests, and says what a release would publish. */
export default async function setUp(project: TestProject): Promise<() => Promise<void>> {
  const folder = await mkdtemp(join(tmpdir(), 'kv-packaging-'));
  const stopServers = await startServers(project);
  const tearDown = async () => {
    await Promise.all([stopServers(), rm(folder, { recursive: true, force: true })]);
  };
  try {
    const { packages, projects } = await installAll(folder);
    console.log(await announce(packages));
    project.provide('packages', packages);
    project.provide('projects', projects);
  } catch (error) {
    await tearDown();
    throw error;
  }
  return tearDown;
}
