import { KvError } from '@kv/core';

/** Other processes hold the lock that is needed. Nothing has happened, and it may be free in a moment. */
export function isBusy(error: unknown): boolean {
  return /^SQLITE_(BUSY|LOCKED|PROTOCOL)/.test(sqliteCode(error));
}

/** What SQLite or its binding has thrown, as a `KvError`. */
export function toKvError(cause: unknown): KvError {
  if (KvError.is(cause)) return cause;
  const code = sqliteCode(cause);
  if (isBusy(cause)) {
    return new KvError('KV_UNAVAILABLE', 'other processes keep the database locked', {
      retryable: true,
      outcome: 'not-applied',
      cause,
    });
  }
  if (code.startsWith('SQLITE_FULL')) {
    return new KvError('KV_UNAVAILABLE', 'the disk is full', { outcome: 'not-applied', cause });
  }
  if (code.startsWith('SQLITE_IOERR')) {
    // A commit that failed this way may be found complete in the write-ahead log after a crash.
    return new KvError('KV_UNAVAILABLE', `the disk failed (${code})`, { retryable: true, outcome: 'unknown', cause });
  }
  if (/^SQLITE_(READONLY|PERM|AUTH|CANTOPEN)/.test(code)) {
    return new KvError(
      'KV_PERMISSION_DENIED',
      `this process may not open or write the database file or its directory (${code}): a store needs both to be writable`,
      { outcome: 'not-applied', cause },
    );
  }
  if (code.startsWith('SQLITE_NOTADB')) {
    return new KvError('KV_INVALID_ARGUMENT', 'the file is not a SQLite database, or its beginning is damaged', {
      outcome: 'not-applied',
      cause,
    });
  }
  if (code.startsWith('SQLITE_CORRUPT')) {
    return new KvError(
      'KV_INTERNAL',
      `the database file is damaged (${code}): restore a copy, or save what can be read with the \`.recover\` of the sqlite3 shell`,
      { outcome: 'not-applied', cause },
    );
  }
  return new KvError('KV_INTERNAL', `SQLite failed in an unexpected way${code === '' ? '' : ` (${code})`}`, {
    outcome: 'unknown',
    cause,
  });
}

/** The extended result code by its name, `SQLITE_IOERR_WRITE`; empty for another error. */
function sqliteCode(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' && code.startsWith('SQLITE_') ? code : '';
}
