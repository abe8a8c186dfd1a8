import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Harness } from '@kv/core/conformance';
import { sqlite } from '@kv/sqlite';
import Sqlite from 'better-sqlite3';

/** A database of its own for the suite. `root` is where in it the stores are. */
export async function sqliteHarness({ root = '' } = {}): Promise<Harness> {
  const directory = await mkdtemp(join(tmpdir(), 'kv-sqlite-'));
  const path = join(directory, 'kv.db');
  const stored = (key: string) => (root === '' ? key : `${root}/${key}`);
  const raw = new Sqlite(path);
  const change = raw.transaction((key: string, value: Uint8Array | null) => {
    raw.exec('UPDATE state SET revision = revision + 1');
    const revision = raw.prepare('SELECT revision FROM state').pluck().get();
    raw.prepare('INSERT INTO changes VALUES (?, ?, ?, ?)').run(revision, key, value === null ? null : revision, value);
    raw.prepare('DELETE FROM pairs WHERE key = ?').run(key);
    if (value === null) return;
    raw
      .prepare('INSERT INTO pairs (key, revision, create_revision, value) VALUES (?, ?, ?, ?)')
      .run(key, revision, revision, value);
  });
  return {
    client: () => ({ driver: sqlite({ path, root }) }),
    versions: { sqlite: raw.prepare<[], string>('SELECT sqlite_version()').pluck().get() as string },
    raw: {
      get: async (key) =>
        raw.prepare<[string], Uint8Array>('SELECT value FROM pairs WHERE key = ?').pluck().get(stored(key)),
      put: async (key, value) => change.immediate(stored(key), value),
      delete: async (key) => change.immediate(stored(key), null),
    },
    faults: {
      expireSession: async (id) => void raw.prepare('UPDATE sessions SET expires_at = 0 WHERE id = ?').run(id),
      compact: async () => void raw.exec('DELETE FROM changes'),
    },
    close: async () => {
      raw.close();
      await rm(directory, { recursive: true });
    },
  };
}
