import type { Capabilities, DurationLimits } from './capabilities.ts';
import type { Connection } from './connection.ts';
import type { Lifetime } from './driver.ts';
import { checkDuration } from './duration.ts';
import { KvError } from './error.ts';
import { Session } from './session.ts';

/** What may end a pair by itself. With neither, it is permanent, whatever it was before. Never both. */
export interface LifetimeOptions {
  /**
   * Milliseconds after which the key expires by itself. What is below the backend's minimum is rounded up to it: the
   * pair that comes back tells. Bounds: `capabilities.ttl`. Default: the key stays.
   */
  readonly ttl?: number | undefined;
  /** A session of the same store; its end removes the key. Default: none. */
  readonly session?: Session | undefined;
}

const permanent: Lifetime = {};

/** The lifetime as a driver wants it: checked against what the backend can do. */
export function lifetimeOf({ ttl, session }: LifetimeOptions, connection: Connection): Lifetime {
  if (ttl === undefined && session === undefined) return permanent;
  if (ttl !== undefined && session !== undefined) {
    throw invalid('`ttl` and `session` exclude each other: a key ends with one of them');
  }
  if (session !== undefined) return { session: Session.stored(session, connection) };
  return { ttl: effectiveTtl(ttl as number, ttlLimits(connection.driver.capabilities)) };
}

function ttlLimits({ ttl, unsupported }: Capabilities): DurationLimits {
  if (ttl) return ttl;
  const remedy = unsupported?.ttl === undefined ? '' : `, or ${unsupported.ttl}`;
  throw new KvError(
    'KV_UNSUPPORTED',
    `this backend cannot expire keys by themselves: bind the key to a session${remedy}`,
    { outcome: 'not-applied' },
  );
}

/** `ttl` rounded up to the minimum. */
export function effectiveTtl(ttl: number, { minMs, maxMs }: DurationLimits): number {
  return Math.max(minMs, Math.ceil(checkDuration('ttl', ttl, maxMs)));
}

function invalid(detail: string): KvError {
  return new KvError('KV_INVALID_ARGUMENT', detail, { outcome: 'not-applied' });
}
