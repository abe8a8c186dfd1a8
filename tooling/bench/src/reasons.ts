import type { Results, Row } from './results.ts';

/** A row in which the store has less than this of the bare client's speed needs a reason. */
const enough = 0.95;

/** Why a row is as it is, by its place: `backend/section/name/parameter`. `*` stands for anything; the first that fits counts. */
const reasons: Readonly<Record<string, string>> = {
  'sqlite/*/get/*':
    'The statement also reads when the pair was created and whether it can expire; four fifths of the call are in it. The rest is the promise, the check of the key, and the deadline.',
  'sqlite/*/put/*':
    'Each write also appends to the log of changes that watches read, and waits for the end of the turn of the event loop, so that writes share a commit.',
  'sqlite/*/atomicPut/*': 'As put.',
  'sqlite/*/delete/*': 'As put.',
  'sqlite/*/list/*': 'A row also has when it was created and whether it can expire: the file is a fifth larger.',
  'sqlite/calls/scan/*':
    'The store is iterated asynchronously, which costs 0.4 µs of CPU a pair; the bare client only counts rows.',
  'sqlite/loop/*':
    'All writes of a turn are committed in one transaction of up to 10 ms; the bare client lets go of the loop after each.',
  'etcd/calls/put/64':
    'Between 0.81 and 1.04 in four runs. The processor of the client is what limits it, and a write of the store takes 13 to 53 µs more of it, in no one place: the copy of the value and its decoding, the transaction and the leases of the driver, the call of core.',
  'etcd/loop/*':
    'Between 0.81 and 1.09 in four runs. The answers to 64 writes come together, and keep the loop for as long as all of them take, each 13 to 53 µs longer than with the bare client (see put).',
  'consul/calls/scan/*':
    'Consul has no pages. The store reads the names, and then the values of 64 keys with a request, so that its memory is bounded; the bare client takes everything in one answer.',
  'zookeeper/*/delete*':
    'Two requests in one pipeline: the first asks whether the node is a key, or just the directory of others. The bare client does not know the difference.',
  'zookeeper/*/list/*':
    'Up to 512 reads are under way at a time, 1,000 of the bare client: so many keep the event loop for 5 to 8 ms at once, and 1,000 for up to 14.',
  'zookeeper/calls/scan/*':
    'The store reads pages of up to 1,000 pairs, so that its memory is bounded, and waits for each; the bare client reads 1,000 at a time too, but only counts them.',
  'zookeeper/calls/session/*':
    'The store ends a session over a short connection of its own: the binding would block the process until the server has answered.',
};

/** Down to this of the bare client's speed, a row may differ from it by chance. */
const byChance = 0.85;
const chance =
  'The rounds differ by more than that: the store was as fast in one of them. Core adds 4 to 8 µs of CPU to a call that crosses a connection, of 150 to 500.';

/** Why the row of a backend is as it is, if that is known. */
export function reasonOf(backend: string, row: Row, known = reasons): string | undefined {
  const ratio = row.cells['bare']?.ratio;
  const isChance = row.minimum === undefined && ratio !== undefined && ratio.median >= byChance && ratio.max >= 1;
  return reasonFor(`${backend}/${row.id}`, known) ?? (isChance ? chance : undefined);
}

export function reasonFor(place: string, known = reasons): string | undefined {
  const found = Object.entries(known).find(([pattern]) => fits(pattern, place));
  return found?.[1];
}

function fits(pattern: string, place: string): boolean {
  const parts = pattern.split('*').map((part) => part.replaceAll(/[.+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${parts.join('.*')}$`).test(place);
}

/** Whether the store is slower than the bare client, or asks more than is necessary. */
export function needsReason({ cells, minimum }: Row): boolean {
  const ratio = cells['bare']?.ratio?.median;
  const requests = cells['store']?.value.median;
  if (minimum !== undefined) return requests !== undefined && requests > minimum;
  return ratio !== undefined && ratio < enough;
}

/** The places of rows that need a reason and have none. */
export function rowsWithoutReason({ backends }: Results, known = reasons): string[] {
  return backends.flatMap(({ backend, rows }) =>
    rows
      .filter((row) => needsReason(row) && reasonOf(backend, row, known) === undefined)
      .map(({ id }) => `${backend}/${id}`),
  );
}
