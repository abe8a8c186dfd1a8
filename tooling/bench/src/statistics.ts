/** What several measurements of one thing say. */
export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** The value below which `part` of the numbers are: 0.5 for the median. */
export function quantile(numbers: readonly number[], part: number): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  const place = (sorted.length - 1) * part;
  const [below, above] = [sorted[Math.floor(place)], sorted[Math.ceil(place)]];
  if (below === undefined || above === undefined) throw new Error('there are no measurements');
  return below + (above - below) * (place - Math.floor(place));
}

export function spread(numbers: readonly number[]): Spread {
  return { median: quantile(numbers, 0.5), min: Math.min(...numbers), max: Math.max(...numbers) };
}

/** Whether more of it is better (calls a second), or less (milliseconds). */
export type Better = 'more' | 'less';

/**
 * How `ours` compares with `theirs`: over 1 where ours is better. Round by round, since what else runs on the machine hits both
 * halves of a round alike.
 */
export function ratio(ours: readonly number[], theirs: readonly number[], better: Better): Spread {
  if (ours.length !== theirs.length) throw new Error(`${ours.length} rounds cannot be compared with ${theirs.length}`);
  return spread(
    ours.map((own, round) => {
      const other = theirs[round] as number;
      return better === 'more' ? own / other : other / own;
    }),
  );
}
