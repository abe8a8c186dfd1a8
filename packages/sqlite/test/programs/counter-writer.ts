/*
 * counter-writer <path> <name>: counts its own keys up, as fast as it can, and tells each acknowledged number. Two keys are
 * always written together. Begins where the writer of this name before it has ended.
 */
import { openStore, text } from '@kv/core';
import { sqlite } from '@kv/sqlite';

/** For keys, the last number that was acknowledged. */
export type Acknowledged = Readonly<Record<string, number>>;

const [path = '', name = ''] = process.argv.slice(2);
const store = await openStore(sqlite({ path }), { codec: text() });
let acknowledged: Record<string, number> = {};

function tell(key: string, count: number): void {
  if (Object.keys(acknowledged).length === 0) {
    setImmediate(() => {
      process.send?.(acknowledged);
      acknowledged = {};
    });
  }
  acknowledged[key] = count;
}

async function count(key: string, write: (count: number) => Promise<unknown>): Promise<never> {
  for (let count = Number((await store.get(key))?.value ?? 0) + 1; ; count++) {
    await write(count);
    tell(key, count);
  }
}

for (let caller = 0; caller < 4; caller++) {
  const key = `counters/${name}/${caller}`;
  void count(key, (count) => store.put(key, String(count)));
}
const [left, right] = [`twins/${name}/left`, `twins/${name}/right`];
void count(left, (count) =>
  store.transaction({
    then: [
      { type: 'put', key: left, value: String(count) },
      { type: 'put', key: right, value: String(count) },
    ],
  }),
);
