import type { Command, Place, Recipe } from './recipe.ts';
import type { Kind } from './server.ts';

/** One member, in whatever it runs. */
export interface Instance {
  /** Also after `kill` and `stop`. Does not wait until it serves. */
  start(): Promise<void>;
  kill(): Promise<void>;
  stop(): Promise<void>;
  freeze(): Promise<void>;
  thaw(): Promise<void>;
  isRunning(): Promise<boolean>;
  /** The last lines that it wrote. */
  log(): Promise<string>;
}

/** Where the members of one deployment run: containers, or processes of this machine. */
export interface Site {
  readonly places: readonly Place[];
  readonly canIsolate: boolean;
  create(place: Place, command: Command): Promise<Instance>;
  isolate(place: Place): Promise<void>;
  rejoin(place: Place): Promise<void>;
  /** Whatever was created here, and its data. */
  remove(): Promise<void>;
}

export type OpenSite = (kind: Kind, recipe: Recipe, size: 1 | 3) => Promise<Site>;
