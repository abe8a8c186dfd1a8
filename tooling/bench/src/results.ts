import type { Machine } from './machine.ts';
import type { Better, Spread } from './statistics.ts';

/** What one contestant did in one row. */
export interface Cell {
  readonly value: Spread;
  /** Of the store to this contestant, over 1 where the store is better. */
  readonly ratio?: Spread;
  /** What was measured beside it, by name and unit: `CPU, µs`. */
  readonly details?: Readonly<Record<string, number>>;
}

export interface Row {
  /** Within the backend: `calls/get/64`: the section, what was measured, its parameter. */
  readonly id: string;
  readonly unit: string;
  readonly better: Better;
  /** By contestant. */
  readonly cells: Readonly<Record<string, Cell>>;
  /** The least that the protocol allows. */
  readonly minimum?: number;
}

export interface BackendResults {
  readonly backend: string;
  readonly machine: Machine;
  /** ISO 8601. */
  readonly date: string;
  readonly seconds: number;
  readonly versions: Readonly<Record<string, string>>;
  readonly rows: readonly Row[];
  /** What was left out, and why. */
  readonly notes: readonly string[];
}

export interface Results {
  readonly backends: readonly BackendResults[];
}
