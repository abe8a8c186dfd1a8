import { KvError } from '@kv/core';
import type { Connection } from './connection.ts';

/** Whether the server has nodes with a time to live. It refuses those it does not have before it looks whether there is a parent. */
export async function hasTtlNodes(connection: Connection): Promise<boolean> {
  try {
    await connection.create(`/kv-${crypto.randomUUID()}/none`, new Uint8Array(), { ttl: 1 });
    return true;
  } catch (error) {
    if (KvError.is(error, 'KV_UNSUPPORTED')) return false;
    throw error;
  }
}
