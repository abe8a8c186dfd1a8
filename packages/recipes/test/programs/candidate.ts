/*
 * candidate <url> <name> <ttl> <file>: leads whenever it can, until it is told to resign, and so on. While it leads it acts, as
 * often as it can, each time after a look at `lost`, and writes to the file of each act when, in which term, and who.
 */
import { openSync, writeSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { openStore, text } from '@kv/core';
import { Election } from '@kv/recipes/election';
import { openDriver } from '../../../../examples/quickstart/open-driver.ts';

export interface CandidateReport {
  readonly event: 'ready' | 'leads' | 'lost';
  readonly term?: string;
}

const [url = '', name = '', ttl = '', file = ''] = process.argv.slice(2);
const acts = openSync(file, 'a');
const report = (sent: CandidateReport) => void process.send?.(sent);
let isToResign = false;
process.on('message', (asked: 'resign' | 'freeze') => {
  if (asked === 'freeze') process.kill(process.pid, 'SIGSTOP');
  else isToResign = true;
});
process.on('disconnect', () => process.exit());

const store = await openStore(await openDriver(url));
const election = new Election(store, 'leader', { codec: text(), ttl: Number(ttl) });
report({ event: 'ready' });
for (;;) {
  await election.lead(name, async (leadership) => {
    const term = String(leadership.term);
    for (let acted = 0; ; acted++) {
      // Taken before the look: a process that is frozen after it has acted when it looked.
      const at = process.hrtime.bigint();
      if (leadership.lost.aborted) return report({ event: 'lost', term });
      writeSync(acts, `${at} ${term} ${name}\n`);
      // Not before: one that was killed in between would leave no trace of its term.
      if (acted === 0) report({ event: 'leads', term });
      if (isToResign) break;
      await delay(2);
    }
    isToResign = false;
    // Others are waiting.
    await leadership.resign({ coolDown: 20 });
  });
}
