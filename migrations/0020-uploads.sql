-- Files that people send (XEP-0363): a row is a slot until its file is stored. The bytes are in data_dir/uploads.
CREATE TABLE uploads (
  id INTEGER PRIMARY KEY,
  file TEXT NOT NULL UNIQUE,         -- random: the address it is fetched from, and its name on disk
  key TEXT NOT NULL UNIQUE,          -- random: the address it is put to
  account_id INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  purpose TEXT NOT NULL,             -- message | profile | ephemeral | permanent
  name TEXT NOT NULL,
  size INTEGER NOT NULL,             -- bytes
  type TEXT,                         -- media type; NULL: none was told
  made_at INTEGER NOT NULL,          -- ms since the epoch
  stored_at INTEGER,                 -- NULL: a slot
  ends_at INTEGER                    -- not served from then on, as its owner asked
) STRICT;
CREATE INDEX uploads_slots ON uploads (account_id, made_at) WHERE stored_at IS NULL;
CREATE INDEX uploads_old_slots ON uploads (made_at) WHERE stored_at IS NULL;
CREATE INDEX uploads_stored ON uploads (account_id, purpose, size) WHERE stored_at IS NOT NULL;
CREATE INDEX uploads_by_age ON uploads (purpose, stored_at) WHERE stored_at IS NOT NULL;
CREATE INDEX uploads_by_end ON uploads (ends_at) WHERE ends_at IS NOT NULL;

-- What a push says of a file: FileFacts of store/outbox-table.ts, JSON.
ALTER TABLE outbox ADD COLUMN file TEXT;
-- What an app's extension builds a communication notification of: AboutFacts there, JSON.
ALTER TABLE outbox ADD COLUMN about TEXT;
