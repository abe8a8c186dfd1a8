/*
 * Writes the time, as the process that measures `watch across processes` expects it: `clock-writer.ts <backend> <place> <key> <shrink>`
 */
import { setTimeout as delay } from 'node:timers/promises';
import { loadBackend } from './backends/index.ts';
import { rhythms } from './sections/processes.ts';

const [backend = '', place = '', key = '', shrink = '1'] = process.argv.slice(2);
const store = await (await loadBackend(backend)).openStore(place);
for (const { least, most, writes } of Object.values(rhythms)) {
  for (let i = 0; i < Math.ceil(writes / Number(shrink)); i++) {
    await delay(least + (most - least) * Math.random());
    // Just before the write: the time that the disk takes is in the result.
    await store.put(key, String(process.hrtime.bigint()));
  }
}
await store.close();
