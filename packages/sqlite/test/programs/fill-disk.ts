/* fill-disk <directory>: writes until the disk is full, tells what it has met, then makes room and goes on. */
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { KvError, openStore } from '@kv/core';
import { sqlite } from '@kv/sqlite';

export interface FullDisk {
  readonly code: string;
  readonly outcome: string | undefined;
  readonly message: string;
  /** The keys whose writes were acknowledged, those that are there, and those of a transaction that did not fit. */
  readonly acknowledged: number;
  readonly found: number;
  readonly ofTransaction: number;
  /** Whether the store works again when there is room. */
  readonly recovered: boolean;
}

const [directory = ''] = process.argv.slice(2);
const ballast = join(directory, 'ballast');
await writeFile(ballast, new Uint8Array(1 << 20));
const store = await openStore(sqlite({ path: join(directory, 'kv.db') }));
const value = new Uint8Array(32 << 10);

async function fill(): Promise<{ error: KvError; acknowledged: number }> {
  for (let acknowledged = 0; ; acknowledged++) {
    try {
      await store.put(`fill/${acknowledged}`, value);
    } catch (error) {
      if (!KvError.is(error)) throw error;
      return { error, acknowledged };
    }
  }
}

const { error, acknowledged } = await fill();
const keys = Array.from({ length: 50 }, (_, i) => `transaction/${i}`);
await store.transaction({ then: keys.map((key) => ({ type: 'put', key, value })) }).catch(() => {});
const found = (await store.list('fill')).filter((pair) => pair.value.byteLength === value.byteLength).length;
const ofTransaction = (await store.list('transaction')).length;
await rm(ballast);
await store.put('again', value);
const told: FullDisk = {
  code: error.code,
  outcome: error.outcome,
  message: error.message,
  acknowledged,
  found,
  ofTransaction,
  recovered: await store.exists('again'),
};
await store.close();
process.send?.(told, () => process.disconnect());
