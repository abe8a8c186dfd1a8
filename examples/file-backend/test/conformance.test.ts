import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Harness } from '@kv/core/conformance';
import { describeConformance } from '@kv/core/conformance/node';
import { files } from '../src/index.ts';
import { Log } from '../src/log.ts';
import { base64, type Operation } from '../src/state.ts';

/** A directory of its own for the suite, and a look at it past the driver. */
async function harness(): Promise<Harness> {
  const directory = await mkdtemp(join(tmpdir(), 'kv-files-'));
  const log = await Log.open(directory);
  const commit = (operation: Operation) =>
    log.commit(
      new AbortController().signal,
      () => [operation],
      () => undefined,
    );
  return {
    client: () => ({ driver: files({ directory }) }),
    raw: {
      get: async (key) => {
        await log.sync();
        return log.state.get(key)?.value;
      },
      put: (key, value) => commit({ type: 'put', key, value: base64(value) }),
      delete: (key) => commit({ type: 'delete', key }),
    },
    faults: {
      expireSession: (id) => commit({ type: 'end', id }),
      compact: async () => {
        await log.turn();
        await log.turn();
      },
    },
    close: () => rm(directory, { recursive: true }),
  };
}

describeConformance({ name: 'files', harness });
