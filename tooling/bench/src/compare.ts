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

/** A median is of so many rounds at least. */
const fewestRounds = 5;
/** After so many milliseconds there are no more rounds than that. */
const longEnough = 20_000;

/** Has each take its turn in each round. The first round warms up, and counts only where it took long. */
export async function inTurns<Who, Result>(
  contestants: readonly Who[],
  rounds: number,
  turn: (contestant: Who) => Promise<Result>,
): Promise<Result[][]> {
  const start = performance.now();
  const isLate = () => performance.now() - start > longEnough;
  let done: Result[][] = [];
  for (let round = -1; round < rounds; round++) {
    const results: Result[] = [];
    for (const contestant of contestants) results.push(await turn(contestant));
    if (round >= 0 || isLate()) done = [...done, results];
    if (done.length >= Math.min(rounds, fewestRounds) && isLate()) break;
  }
  return contestants.map((_, i) => done.map((results) => results[i] as Result));
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
