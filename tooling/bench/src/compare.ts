import type { Contestant, Operation, Turn } from './contestant.ts';
import type { Cell } from './results.ts';
import { type Better, ratio, spread } from './statistics.ts';

/** One contestant's measurements, one for each round. */
export interface Series {
  readonly name: string;
  readonly values: readonly number[];
  readonly details?: Readonly<Record<string, readonly number[]>>;
}

/** The cells of a row. The first series is the store's: the others are compared with it. */
export function cellsOf([ours, ...others]: readonly Series[], better: Better): Record<string, Cell> {
  const cells: Record<string, Cell> = {};
  if (ours === undefined) return cells;
  for (const { name, values, details } of [ours, ...others]) {
    cells[name] = {
      value: spread(values),
      ...(name !== ours.name && { ratio: ratio(ours.values, values, better) }),
      ...(details && { details: mapValues(details, (numbers) => spread(numbers).median) }),
    };
  }
  return cells;
}

function mapValues<In, Out>(record: Readonly<Record<string, In>>, change: (value: In) => Out): Record<string, Out> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, change(value)]));
}

/** Has each take its turn in each round. The first round warms up and does not count. */
export async function inTurns<Who, Result>(
  contestants: readonly Who[],
  rounds: number,
  turn: (contestant: Who) => Promise<Result>,
): Promise<Result[][]> {
  const results: Result[][] = contestants.map(() => []);
  for (let round = -1; round < rounds; round++) {
    for (const [i, contestant] of contestants.entries()) {
      const result = await turn(contestant);
      if (round >= 0) results[i]?.push(result);
    }
  }
  return results;
}

export async function compareRates(
  contestants: readonly Contestant[],
  operation: Operation,
  callers: number,
  { rounds, turn }: { readonly rounds: number; readonly turn: number },
): Promise<Record<string, Cell>> {
  const able = contestants.filter((contestant) => contestant.can(operation));
  const turns: Turn[][] = await inTurns(able, rounds, (contestant) => contestant.turn(operation, callers, turn));
  const series = able.map(({ name }, i) => ({
    name,
    values: (turns[i] ?? []).map(({ perSecond }) => perSecond),
    details: { 'CPU, µs': (turns[i] ?? []).map(({ cpu }) => cpu) },
  }));
  return cellsOf(series, 'more');
}
