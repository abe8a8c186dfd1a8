import type { Bench } from '../bench.ts';
import type { Client } from '../client.ts';
import { compareRates } from '../compare.ts';
import { type Contestant, LocalContestant, measure, operations } from '../contestant.ts';
import { keysBelow, nextValue } from '../keys.ts';
import { callerCounts } from '../settings.ts';

const keys = keysBelow('calls', 1_000);

/** Each operation, from one caller and from many, by all contestants in turns. */
export async function calls(
  bench: Bench,
  clients: Readonly<Record<string, Client>>,
  others: readonly Contestant[],
): Promise<void> {
  bench.step('filling and warming up');
  for (const client of Object.values(clients)) {
    await measure((_, i) => client.put(keys.key(i), nextValue()), 64, { count: keys.count });
  }
  const contestants = [
    ...Object.entries(clients).map(([name, client]) => new LocalContestant(name, client, keys)),
    ...others,
  ];
  const { warmUp, ...settings } = bench.settings;
  for (const contestant of contestants) {
    for (const operation of ['put', 'get'] as const) {
      if (contestant.can(operation)) await contestant.turn(operation, 64, warmUp / contestants.length / 2);
    }
  }
  for (const operation of operations) {
    for (const callers of callerCounts) {
      bench.step(`${operation}, ${callers} at once`);
      const cells = await compareRates(contestants, operation, callers, settings);
      bench.add({ id: `calls/${operation}/${callers}`, unit: 'calls/s', better: 'more', cells });
    }
  }
}
