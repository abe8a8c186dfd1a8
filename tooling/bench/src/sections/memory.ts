import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Bench } from '../bench.ts';
import type { Footprint } from '../memory-probe.ts';

const program = join(import.meta.dirname, '../memory-probe.ts');
const longestProbe = 90_000;

/** What a process holds for so many watchers, sessions and locks that wait: each in a process of its own. */
export async function memory(bench: Bench): Promise<void> {
  const { backend, place, settings } = bench;
  const counts = { watchers: 1_000, sessions: backend.sizes.sessions, 'waiting locks': backend.sizes.sessions };
  for (const [what, full] of Object.entries(counts)) {
    const count = Math.max(1, full / settings.shrink);
    bench.step(`memory of ${count} ${what}`);
    const footprint = await probe(backend.name, place, what, count);
    if (footprint === undefined) {
      bench.note(
        `memory of ${count} ${what}: its process has failed, or was not ready after ${longestProbe / 1_000} s`,
      );
      continue;
    }
    const megabytes = (bytes: number) => Math.round(((bytes / count) * 1_000) / 2 ** 10 / 10.24) / 100;
    const heap = megabytes(footprint.heap);
    bench.add({
      id: `memory/${what}/1000`,
      unit: 'MiB',
      better: 'less',
      cells: {
        store: {
          value: { median: heap, min: heap, max: heap },
          details: { 'resident, MiB': megabytes(footprint.resident), measured: count },
        },
      },
    });
  }
}

async function probe(backend: string, place: string, what: string, count: number): Promise<Footprint | undefined> {
  const child = fork(program, [backend, place, what, String(count)], {
    execArgv: ['--conditions=@kv/source', '--expose-gc'],
  });
  const exited = once(child, 'exit');
  try {
    const told = once(child, 'message', { signal: AbortSignal.timeout(longestProbe) });
    return await Promise.race([told.then(([footprint]) => footprint), exited.then(() => undefined)]);
  } catch (error) {
    if ((error as Error).name !== 'AbortError') throw error;
    return undefined;
  } finally {
    child.kill('SIGKILL');
    await exited;
  }
}
