import type { Results, Row } from './results.ts';

/** A row in which the store has less than this of the bare client's speed needs a reason. */
const enough = 0.95;

/** Why a row is as it is, by its place: `backend/section/name/parameter`. `*` stands for anything; the first that fits counts. */
const reasons: Readonly<Record<string, string>> = {};

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
      .filter(needsReason)
      .map(({ id }) => `${backend}/${id}`)
      .filter((place) => reasonFor(place, known) === undefined),
  );
}
