/** Marks a database as one of ours, in its header: `kvsq`. */
export const applicationId = 0x6b767371;

/**
 * What makes a database of version `i + 1` (`PRAGMA user_version`) out of one of version `i`; version 0 is empty. A step
 * that was released is never changed. The README documents the result.
 */
export const migrations: readonly string[] = [
  `
  -- Short columns come before the value, so that reading them does not load a long value.
  -- With a ROWID: without one, values of a kilobyte make the tree of keys deep, and reads three times as slow.
  CREATE TABLE pairs (
    key TEXT NOT NULL PRIMARY KEY,
    revision INTEGER NOT NULL,
    create_revision INTEGER NOT NULL,
    expires_at INTEGER,
    session TEXT,
    value BLOB NOT NULL
  ) STRICT;
  CREATE INDEX pairs_by_expiry ON pairs (expires_at) WHERE expires_at IS NOT NULL;
  CREATE INDEX pairs_by_session ON pairs (session) WHERE session IS NOT NULL;

  CREATE TABLE sessions (
    id TEXT NOT NULL PRIMARY KEY,
    renewed_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX sessions_by_expiry ON sessions (expires_at);

  -- The latest changes. A deletion has neither create_revision nor value.
  CREATE TABLE changes (
    revision INTEGER PRIMARY KEY,
    key TEXT NOT NULL,
    create_revision INTEGER,
    value BLOB
  ) STRICT;

  -- One row: the revision of the last change ever made, and the sum of the lengths of the logged values.
  CREATE TABLE state (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    revision INTEGER NOT NULL,
    value_bytes INTEGER NOT NULL
  ) STRICT;
  INSERT INTO state VALUES (1, 0, 0);
  `,
];
