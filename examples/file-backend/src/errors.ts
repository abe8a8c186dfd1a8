import { KvError, type Outcome } from '@kv/core';

/** What the file system said, as an error of @kv/core. */
export function failure(error: unknown, outcome: Outcome): KvError {
  if (KvError.is(error)) return error;
  const code = codeOf(error);
  const details = { cause: error, outcome };
  if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS') {
    return new KvError('KV_PERMISSION_DENIED', `the directory cannot be used (${code})`, details);
  }
  if (code === undefined) return new KvError('KV_INTERNAL', 'the driver failed in an unexpected way', details);
  const retryable = outcome === 'not-applied';
  return new KvError('KV_UNAVAILABLE', `the file system failed (${code})`, { ...details, retryable });
}

export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error ? String(error.code) : undefined;
}
