import type { Store } from '@kv/core';
import type { Bench } from '../bench.ts';
import type { Client } from '../client.ts';
import { compareRates } from '../compare.ts';
import { LocalContestant } from '../contestant.ts';
import { fillClient, fillStore } from '../fill.ts';
import { keysBelow } from '../keys.ts';
import { shrunk } from '../settings.ts';
import { scan } from './scan.ts';

const grown = ['get', 'put', 'atomicPut', 'delete', 'list'] as const;

/** The operations again, one caller, while there are more and more keys; and a scan on the way. */
export async function growthOfKeys(
  bench: Bench,
  store: Store,
  clients: Readonly<Record<string, Client>>,
): Promise<void> {
  const { rounds, turn, scanned } = bench.settings;
  const root = 'grown';
  let filled = 0;
  for (const count of shrunk(bench.backend.sizes.keys, bench.settings)) {
    const keys = keysBelow(root, count);
    bench.step(`filling up to ${count} keys`);
    await fillStore(store, keys, filled);
    for (const [name, client] of Object.entries(clients)) {
      if (name !== 'store') await fillClient(client, keys, filled);
    }
    filled = count;
    const contestants = Object.entries(clients).map(([name, client]) => new LocalContestant(name, client, keys));
    for (const operation of grown) {
      bench.step(`${operation} among ${count} keys`);
      const cells = await compareRates(contestants, operation, 1, { rounds, turn });
      bench.add({ id: `keys/${operation}/${count}`, unit: 'calls/s', better: 'more', cells });
    }
    if (count === scanned) await scan(bench, clients, root);
  }
}
