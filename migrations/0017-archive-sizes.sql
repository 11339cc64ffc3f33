-- Bytes of each account's archive, for its quota. They count the rows up to the setting 'counted-archive', an id: those
-- above are counted by a job of the quota, many at once, since a row here for each message would cost a page each.
CREATE TABLE archive_sizes (
  account_id INTEGER NOT NULL PRIMARY KEY REFERENCES accounts (id) ON DELETE CASCADE,
  bytes INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX archive_sizes_by_bytes ON archive_sizes (bytes);
