import { STATUS_CODES } from 'node:http';
import { KvError } from '@kv/core';

/** What the client library rejects with when the server answered with another status than 2xx. */
interface StatusError {
  readonly isResponse: true;
  readonly statusCode: number;
  readonly response: { readonly body?: unknown };
}

/** Errors of a socket that was never connected: the request cannot have reached the server. */
const notConnected = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'EHOSTDOWN',
  'ENETUNREACH',
  'EADDRNOTAVAIL',
  'UND_ERR_CONNECT_TIMEOUT',
]);

/** Any error of a request as a `KvError`. The texts of answers are looked at, and never shown. */
export function toKvError(error: unknown): KvError {
  if (KvError.is(error)) return error;
  if (isStatusError(error)) return fromStatus(error.statusCode, String(error.response.body ?? ''));
  if ((error as { isAbort?: boolean }).isAbort) return canceled();
  if ((error as { isTimeout?: boolean }).isTimeout) {
    return new KvError('KV_UNAVAILABLE', 'the server did not answer in time', { retryable: true, outcome: 'unknown' });
  }
  const { code = '', syscall } = error as NodeJS.ErrnoException;
  if (isTlsError(code)) return fromTls(code, error);
  const outcome = notConnected.has(code) || syscall === 'connect' ? 'not-applied' : 'unknown';
  if (code !== '' || (error as { isPapi?: boolean }).isPapi) {
    const detail = outcome === 'unknown' ? 'the connection broke' : 'the server cannot be reached';
    return new KvError('KV_UNAVAILABLE', code === '' ? detail : `${detail} (${code})`, {
      retryable: true,
      outcome,
      cause: error,
    });
  }
  return new KvError('KV_INTERNAL', 'the client library failed', { outcome: 'unknown', cause: error });
}

/** For a request that was given up. Core has given up before, and does not see it. */
export function canceled(): KvError {
  return new KvError('KV_TIMEOUT', 'the request was given up', { retryable: true, outcome: 'unknown' });
}

export function permissionDenied(detail = 'the ACL token, or the lack of one, does not allow it'): KvError {
  return new KvError('KV_PERMISSION_DENIED', detail, { outcome: 'not-applied' });
}

export function sessionLost(detail: string): KvError {
  return new KvError('KV_SESSION_LOST', detail, { outcome: 'not-applied' });
}

/** The same failure of a step that follows one that has been applied. */
export function afterApplied(error: unknown): KvError {
  const { code, message, retryable, cause } = toKvError(error);
  return new KvError(code, message, { retryable, outcome: 'unknown', cause });
}

/** For `catch`: what to do instead where the server answered with this status. */
export function onStatus<T>(status: number, instead: (body: unknown) => T): (error: unknown) => T {
  return (error) => {
    if (isStatusError(error) && error.statusCode === status) return instead(error.response.body);
    throw error;
  };
}

function isStatusError(error: unknown): error is StatusError {
  return (error as Partial<StatusError> | undefined)?.isResponse === true;
}

function fromStatus(status: number, body: string): KvError {
  const answer = `${status} ${STATUS_CODES[status] ?? ''}`.trim();
  switch (status) {
    case 401:
    case 403:
      return isUnknownToken(body) ? permissionDenied('the server does not know the ACL token') : permissionDenied();
    case 400:
      return new KvError(
        'KV_INVALID_ARGUMENT',
        /Enterprise/.test(body)
          ? '`namespace` and `partition` need Consul Enterprise'
          : `the server refused the request as malformed (${answer})`,
        { outcome: 'not-applied' },
      );
    case 413:
      return new KvError('KV_VALUE_TOO_LARGE', `the request is over the server's limit (${answer})`, {
        outcome: 'not-applied',
      });
    case 429:
      return unavailable(`the server limits the rate of requests (${answer})`, 'not-applied');
  }
  if (/No path to datacenter/.test(body)) {
    return unavailable('the agent knows no way to that datacenter', 'not-applied');
  }
  if (/No cluster leader|not the leader|not ready to serve consistent reads|rate limit exceeded/i.test(body)) {
    return unavailable('the cluster has no leader at the moment', 'not-applied');
  }
  if (/Invalid Session TTL/.test(body)) {
    const detail = "the `ttl` is out of the server's bounds: its `session_ttl_min` was changed";
    return new KvError('KV_INVALID_ARGUMENT', detail, { outcome: 'not-applied' });
  }
  // Agents pass failures on as 500, whatever has failed: a server that went away, an election, a lost connection.
  if (status >= 500) return unavailable(`the server failed (${answer})`, 'unknown');
  return new KvError('KV_INTERNAL', `the server gave an answer that is not expected (${answer})`, {
    outcome: 'unknown',
  });
}

/** Whether a request failed because the server does not know its token. */
export function isRefusedAsUnknown(error: unknown): boolean {
  return isStatusError(error) && error.statusCode === 403 && isUnknownToken(error.response.body);
}

/** Of the text of a status 403: the token itself is wrong, not only too weak. */
export function isUnknownToken(body: unknown): boolean {
  return /ACL not found|token does not exist/i.test(String(body));
}

export function unavailable(detail: string, outcome: 'not-applied' | 'unknown'): KvError {
  return new KvError('KV_UNAVAILABLE', detail, { retryable: true, outcome });
}

function isTlsError(code: string): boolean {
  return /^(?:ERR_SSL|ERR_TLS|CERT_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|EPROTO)/.test(code);
}

function fromTls(code: string, cause: unknown): KvError {
  // What a server that wants a client certificate says, before it reads the request.
  return /ALERT/.test(`${code} ${(cause as Error).message}`)
    ? new KvError('KV_PERMISSION_DENIED', `the server refused the client's certificate, or the lack of one (${code})`, {
        outcome: 'not-applied',
        cause,
      })
    : new KvError('KV_UNAVAILABLE', `no secure connection: the server's certificate is not trusted (${code})`, {
        outcome: 'not-applied',
        cause,
      });
}
