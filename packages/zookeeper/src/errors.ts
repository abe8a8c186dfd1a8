import { KvError, type KvErrorCode, type Outcome } from '@kv/core';

/** Of `KeeperException.Code` in ZooKeeper; -116 is the C client's own. */
export const code = {
  ok: 0,
  connectionLoss: -4,
  unimplemented: -6,
  operationTimeout: -7,
  badArguments: -8,
  invalidState: -9,
  noNode: -101,
  noAuth: -102,
  badVersion: -103,
  noChildrenForEphemerals: -108,
  nodeExists: -110,
  notEmpty: -111,
  sessionExpired: -112,
  authFailed: -115,
  closing: -116,
  sessionMoved: -118,
  loginRequired: -124,
  throttled: -127,
} as const;

interface Meaning {
  readonly code: KvErrorCode;
  readonly retryable?: boolean;
  readonly outcome: Outcome;
  readonly detail: string;
}

const interrupted: Meaning = {
  code: 'KV_UNAVAILABLE',
  retryable: true,
  outcome: 'unknown',
  detail: 'the connection was lost before the server had answered',
};

const refused = { code: 'KV_PERMISSION_DENIED', outcome: 'not-applied' } as const;

const meanings: Readonly<Record<number, Meaning>> = {
  [code.connectionLoss]: interrupted,
  [code.operationTimeout]: interrupted,
  [code.sessionExpired]: interrupted,
  [code.invalidState]: interrupted,
  [code.closing]: interrupted,
  [code.sessionMoved]: interrupted,
  [code.noAuth]: { ...refused, detail: 'the access control list of the node does not allow it' },
  [code.authFailed]: { ...refused, detail: 'the server refused the credentials' },
  [code.loginRequired]: { ...refused, detail: 'the server serves only clients that log in: see the option `login`' },
  [code.throttled]: {
    code: 'KV_UNAVAILABLE',
    retryable: true,
    outcome: 'not-applied',
    detail: 'the server is overloaded',
  },
  [code.unimplemented]: {
    code: 'KV_UNSUPPORTED',
    outcome: 'not-applied',
    detail: 'the server does not know the request: ZooKeeper 3.5 or later is needed',
  },
};

/** What the failure of a request means to core. @param sent Whether it may have reached a server. */
export function requestError(failure: number, sent: boolean): KvError {
  const meaning = meanings[failure];
  if (meaning === undefined) {
    return new KvError('KV_INTERNAL', `ZooKeeper answered with the code ${failure}`, { outcome: 'unknown' });
  }
  return new KvError(meaning.code, meaning.detail, {
    retryable: meaning.retryable ?? false,
    outcome: sent ? meaning.outcome : 'not-applied',
  });
}

const conflicts: readonly KvErrorCode[] = ['KV_KEY_EXISTS', 'KV_KEY_MODIFIED', 'KV_KEY_NOT_FOUND'];

/** For the steps of a write that follow one that has changed something: where they fail, the write may have been applied. */
export async function midway<T>(steps: Promise<T>): Promise<T> {
  try {
    return await steps;
  } catch (error) {
    if (!KvError.is(error) || conflicts.includes(error.code)) throw error;
    throw new KvError(error.code, error.message, { outcome: 'unknown', cause: error.cause });
  }
}

export function sessionLost(cause?: unknown): KvError {
  return new KvError('KV_SESSION_LOST', 'the server has ended the session', { outcome: 'not-applied', cause });
}
