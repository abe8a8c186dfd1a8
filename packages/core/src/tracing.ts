import { channel, tracingChannel } from 'node:diagnostics_channel';
import type { Status } from './connection.ts';

/** What subscribers of the tracing channel `kv:call` get with each event of a call. Never a value, an option or a secret. */
export interface CallTrace {
  readonly driver: string;
  /** The call by its name on `Store`; or `openStore`. */
  readonly operation: string;
  /** Canonical, with the namespace; absent where the call has none or several. */
  readonly key?: string | undefined;
  /** How many requests the call has sent again so far. */
  retries: number;
  error?: unknown;
}

/** What subscribers of the channel `kv:status` get when a store's status changes. */
export interface StatusTrace {
  readonly driver: string;
  readonly status: Status;
  /** Why, where the status is `reconnecting`. */
  readonly error?: unknown;
}

export const callChannel = tracingChannel<unknown, CallTrace>('kv:call');
export const statusChannel = channel('kv:status');
