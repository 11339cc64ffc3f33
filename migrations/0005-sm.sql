-- A message that was written to a session stays until the client has shown that it got it; a crash makes it offline.
ALTER TABLE offline ADD COLUMN in_flight INTEGER NOT NULL DEFAULT 0;
DROP INDEX offline_by_account;
CREATE INDEX offline_by_account ON offline (account_id, in_flight, unread, bytes);

-- Sessions that an orderly stop saved, so that they can be resumed exactly (XEP-0198 §5). Empty while the server runs.
CREATE TABLE sm_sessions (
  id TEXT PRIMARY KEY,               -- the SM-ID
  account_id INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  resource TEXT NOT NULL,
  since INTEGER NOT NULL,            -- start of the session, ms
  until INTEGER NOT NULL,            -- when it can no longer be resumed, ms
  handled INTEGER NOT NULL,          -- stanzas taken from the client
  acked INTEGER NOT NULL,            -- stanzas that the client has acknowledged
  max INTEGER NOT NULL,              -- how long it may be away, ms
  state TEXT NOT NULL                -- JSON: what each feature remembers of it, by the feature's name
) STRICT, WITHOUT ROWID;

CREATE TABLE sm_stanzas (
  session TEXT NOT NULL REFERENCES sm_sessions (id) ON DELETE CASCADE,
  n INTEGER NOT NULL,                -- place in the queue, from 0
  offline_id INTEGER,                -- row of a message that must not be lost
  live INTEGER NOT NULL,             -- 1: it is in flight, 0: it waited in offline storage before
  xml TEXT NOT NULL,
  PRIMARY KEY (session, n)
) STRICT, WITHOUT ROWID;
