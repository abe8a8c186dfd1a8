import type { TestProject } from 'vitest/node';
import { currentRun } from './run.ts';
import type { Address, Kind, Mode } from './server.ts';
import { startServers } from './start.ts';
import { beginRun, sweepRun } from './sweep.ts';

/** A plain server that the test files of one project share: nothing is done to it. */
export interface SharedServer extends Address {
  readonly mode: Mode;
  readonly version: string;
}

declare module 'vitest' {
  export interface ProvidedContext {
    servers: Partial<Record<Kind, SharedServer>>;
  }
}

/**
 * A vitest `globalSetup` that starts one server of each of these kinds, for `inject('servers')`. With or without kinds,
 * it removes at the end whatever the run's tests have left, and at the start what dead runs have.
 */
export function shareServers(...kinds: Kind[]) {
  return async (project: TestProject): Promise<() => Promise<void>> => {
    await beginRun();
    const shared: Partial<Record<Kind, SharedServer>> = {};
    const start = async (kind: Kind) => {
      const started = performance.now();
      const { servers, mode, version } = await startServers(kind);
      for (const { host, port } of servers) shared[kind] = { host, port, mode, version };
      console.log(`${kind} ${version} (${mode}) serves after ${Math.round(performance.now() - started)} ms`);
    };
    const outcomes = await Promise.allSettled(kinds.map(start));
    const teardown = () => sweepRun(currentRun());
    for (const outcome of outcomes) {
      if (outcome.status === 'fulfilled') continue;
      await teardown();
      throw outcome.reason;
    }
    project.provide('servers', shared);
    return teardown;
  };
}
