import { KvError, type KvErrorCode, type Outcome } from '@kv/core';

/** The codes of gRPC: https://grpc.io/docs/guides/status-codes/ */
export const status = {
  cancelled: 1,
  unknown: 2,
  invalidArgument: 3,
  deadlineExceeded: 4,
  notFound: 5,
  permissionDenied: 7,
  resourceExhausted: 8,
  failedPrecondition: 9,
  outOfRange: 11,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
  unauthenticated: 16,
} as const;

/** What gRPC tells of a request that failed. */
export interface Status {
  readonly code: number;
  readonly details: string;
}

/** Of an error that is not gRPC's, the code is -1. */
export function statusOf(error: unknown): Status {
  const { code, details, message } = (error ?? {}) as Partial<Status & Error>;
  return typeof code === 'number' ? { code, details: String(details) } : { code: noStatus, details: String(message) };
}

/** Of an error that is not gRPC's. */
const noStatus = -1;

interface Meaning {
  readonly code: KvErrorCode;
  readonly retryable?: boolean;
  readonly outcome: Outcome;
  /** Said in place of the server's words. */
  readonly detail?: string;
}

const refused: Meaning = { code: 'KV_PERMISSION_DENIED', outcome: 'not-applied' };
const unsent: Meaning = { code: 'KV_UNAVAILABLE', retryable: true, outcome: 'not-applied' };
const interrupted: Meaning = { code: 'KV_UNAVAILABLE', retryable: true, outcome: 'unknown' };

/**
 * Those of etcd's messages, and of the client's, that say more than their code: api/v3rpc/rpctypes/error.go in etcd,
 * load-balancer-pick-first.ts, internal-channel.ts and resolver-dns.ts in @grpc/grpc-js.
 */
const meaningOfDetails: readonly (readonly [string, Meaning])[] = [
  // Decided before anything was sent.
  ['No connection established', unsent],
  ['Channel closed before call started', unsent],
  ['Channel has been shut down', unsent],
  ['Name resolution failed', unsent],
  // Decided by the server before it proposed anything.
  ['etcdserver: no leader', unsent],
  ['etcdserver: too many requests', unsent],
  ['raft proposal dropped', unsent],
  ['etcdserver: requested lease not found', { code: 'KV_SESSION_LOST', outcome: 'not-applied' }],
  ['etcdserver: request is too large', { code: 'KV_VALUE_TOO_LARGE', outcome: 'not-applied' }],
  ['received message larger than max', { code: 'KV_VALUE_TOO_LARGE', outcome: 'not-applied' }],
  [
    'etcdserver: too many operations in txn request',
    {
      code: 'KV_INVALID_ARGUMENT',
      outcome: 'not-applied',
      detail: 'the server takes fewer operations in a transaction than etcd does by default (--max-txn-ops=128)',
    },
  ],
  [
    'etcdserver: mvcc: database space exceeded',
    {
      code: 'KV_UNAVAILABLE',
      outcome: 'not-applied',
      detail: 'the server is over its storage quota and takes no writes: compact, defragment, then disarm the alarm',
    },
  ],
  ['etcdserver: authentication failed', refused],
  ['etcdserver: user name is empty', refused],
  ['etcdserver: user name not found', refused],
];

const meaningOfCode: Readonly<Record<number, Meaning>> = {
  // The server stopped, or was about to: nobody knows.
  [status.cancelled]: interrupted,
  [status.deadlineExceeded]: { code: 'KV_TIMEOUT', retryable: true, outcome: 'unknown', detail: 'no answer in time' },
  [status.permissionDenied]: refused,
  [status.unauthenticated]: refused,
  [status.unavailable]: interrupted,
  [status.unimplemented]: { code: 'KV_UNSUPPORTED', outcome: 'not-applied', detail: 'the server has no etcd v3 API' },
  [status.invalidArgument]: { code: 'KV_INTERNAL', outcome: 'not-applied' },
  [status.failedPrecondition]: { code: 'KV_INTERNAL', outcome: 'not-applied' },
  [status.outOfRange]: { code: 'KV_INTERNAL', outcome: 'not-applied' },
};

/** What a failure of the client or the server means to core. */
export function kvError(error: unknown): KvError {
  if (KvError.is(error)) return error;
  const { code, details } = statusOf(error);
  const known = meaningOfDetails.find(([text]) => details.includes(text))?.[1] ?? meaningOfCode[code];
  // A connection that breaks in the middle of an answer resets its streams, which gRPC calls internal.
  const meaning = known ?? (details.includes('RST_STREAM') ? interrupted : undefined);
  if (meaning === undefined) {
    const detail = code === noStatus ? 'the client failed in an unexpected way' : `status ${code}: ${details}`;
    return new KvError('KV_INTERNAL', detail, { outcome: 'unknown', cause: error });
  }
  return new KvError(meaning.code, meaning.detail ?? details.replace(/\.? Resolution note: $/, ''), {
    retryable: meaning.retryable ?? false,
    outcome: meaning.outcome,
    cause: error,
  });
}

/** Whether the server has refused the request because the token of the login has expired, or is older than its users. */
export function isStaleToken(error: unknown): boolean {
  const { details } = statusOf(error);
  return (
    details.includes('etcdserver: invalid auth token') || details.includes('etcdserver: revision of auth store is old')
  );
}

/** Whether the revision that was asked for has been compacted away. */
export function isCompacted(error: unknown): boolean {
  return statusOf(error).details.includes('required revision has been compacted');
}

/** Whether another server may do better. */
export function isServerFault(error: unknown): boolean {
  const { code, details } = statusOf(error);
  return code === status.unavailable || code === status.deadlineExceeded || details.includes('RST_STREAM');
}
