/* tree-watcher <path>: watches everything, and on each message answers with the state that it has last seen. */
import { openStore, text } from '@kv/core';
import { sqlite } from '@kv/sqlite';

export type SeenState = readonly (readonly [key: string, value: string])[];

const [path = ''] = process.argv.slice(2);
const store = await openStore(sqlite({ path }), { codec: text() });
let seen: SeenState = [];
process.on('message', () => process.send?.(seen));
for await (const { pairs } of store.watchTree('')) {
  seen = [...pairs].map(([key, { value }]) => [key, value]);
}
