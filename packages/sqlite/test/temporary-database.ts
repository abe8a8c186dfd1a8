import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';

/** The path of a database that does not exist yet, in a directory of its own that goes with the test. */
export async function temporaryDatabase(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'kv-sqlite-'));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  return join(directory, 'kv.db');
}
