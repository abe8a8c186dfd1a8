/* scan-memory <path>: scans everything, and tells by how many bytes that has made the process larger. */
import { openStore } from '@kv/core';
import { sqlite } from '@kv/sqlite';

export interface ScanMemory {
  readonly keys: number;
  readonly growth: number;
}

const [path = ''] = process.argv.slice(2);
const store = await openStore(sqlite({ path }));
const baseline = process.memoryUsage.rss();
let keys = 0;
let most = baseline;
for await (const _ of store.scan('')) {
  keys++;
  if (keys % 1_000 === 0) most = Math.max(most, process.memoryUsage.rss());
}
await store.close();
const told: ScanMemory = { keys, growth: most - baseline };
process.send?.(told, () => process.disconnect());
