-- Notices on the screens of phones whose apps take them off again: each goes once what it tells of is not unread any more.
CREATE TABLE notices (
  device_id INTEGER NOT NULL REFERENCES devices (id) ON DELETE CASCADE,
  collapse_id TEXT NOT NULL,         -- its name on the phone
  message_id INTEGER NOT NULL,       -- the newest message that it tells of
  told INTEGER NOT NULL DEFAULT 0,   -- 1: a push that says that it has gone was taken by its provider
  at INTEGER NOT NULL,               -- ms since the epoch
  PRIMARY KEY (device_id, collapse_id)
) STRICT, WITHOUT ROWID;

-- When a phone was last woken to take notices off (ms): Apple lets few such pushes through.
CREATE TABLE device_removals (
  device_id INTEGER PRIMARY KEY REFERENCES devices (id) ON DELETE CASCADE,
  at INTEGER NOT NULL
) STRICT;

-- Wishes of a person for what does not ring by itself; null: as the server has it.
ALTER TABLE push_settings ADD COLUMN reactions INTEGER;
ALTER TABLE push_settings ADD COLUMN joined INTEGER;
ALTER TABLE push_settings ADD COLUMN digest TEXT; -- JSON: time of the daily digest of muted rooms, its zone
ALTER TABLE push_settings ADD COLUMN digested INTEGER; -- ms: what was said before is told
