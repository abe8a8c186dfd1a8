import type { Capabilities, DurationLimits } from '../capabilities.ts';

/**
 * A time to live in milliseconds that is as short as a case may ask for: the backend takes it, and a loaded machine still
 * renews it in time.
 */
export function shortTtl({ minMs }: DurationLimits): number {
  return Math.max(minMs, 1_000);
}

/**
 * A time to live in milliseconds for what is to be kept: however loaded the machine is, it does not stand still for as long
 * as this.
 */
export function keptTtl({ minMs }: DurationLimits): number {
  return Math.max(minMs, 6_000);
}

/** How many milliseconds after its last renewal a session is gone at the latest, and every client can know. */
export function goneWithin(ttl: number, { session }: Capabilities): number {
  return ttl * session.latestFactor + answerTime;
}

/** How long a loaded server and machine may take to tell what has happened, in milliseconds. */
const answerTime = 4_000;

/** How many milliseconds a watch may take to find out that its server is silent: see `Driver.watch`. */
export const silenceNoticed = 10_000 + answerTime;
