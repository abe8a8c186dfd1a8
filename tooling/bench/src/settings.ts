/** How much is measured. */
export interface Settings {
  /** Each contestant's turns, after one that warms up. */
  readonly rounds: number;
  /** Milliseconds of one turn. */
  readonly turn: number;
  readonly scanned: number;
  /** Divides the sizes of what grows. */
  readonly shrink: number;
  /** Milliseconds of writing before anything is measured: the code of a server on a JVM is compiled meanwhile. */
  readonly warmUp: number;
}

export const fullSettings: Settings = { rounds: 15, turn: 120, scanned: 100_000, shrink: 1, warmUp: 10_000 };

/** To see whether it works. Its numbers say nothing. */
export const quickSettings: Settings = { rounds: 2, turn: 40, scanned: 1_000, shrink: 100, warmUp: 500 };

/** The sizes that are measured: each once. */
export function shrunk(sizes: readonly number[], { shrink }: Settings): readonly number[] {
  return [...new Set(sizes.map((size) => Math.max(1, Math.round(size / shrink))))];
}

export const callerCounts = [1, 64];
