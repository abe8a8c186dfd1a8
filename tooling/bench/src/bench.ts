import type { Backend, Place } from './backend.ts';
import type { Row } from './results.ts';
import type { Settings } from './settings.ts';

/** What the sections of the benchmark share. */
export interface Bench {
  readonly backend: Backend;
  readonly place: Place;
  readonly settings: Settings;
  /** Says what is being measured. */
  step(what: string): void;
  add(row: Row): void;
  /** Says what was left out, and why. */
  note(text: string): void;
}
