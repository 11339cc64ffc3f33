-- Whose rows are where in the archive, in offline storage, among the verdicts and what is unread, written some rows of an account at
-- a time (store/late-index.ts): an index of the table itself would touch a page of its own for each row. No
-- foreign keys: to delete an account would be to look for its rows in all of them (store/accounts.ts deletes them).
CREATE TABLE archive_index (
  account_id INTEGER NOT NULL,
  peer TEXT NOT NULL,
  id INTEGER NOT NULL,               -- of the archive
  PRIMARY KEY (account_id, peer, id)
) STRICT, WITHOUT ROWID;
INSERT INTO archive_index SELECT account_id, peer, id FROM archive ORDER BY account_id, peer, id;
CREATE INDEX archive_index_by_id ON archive_index (account_id, id);

CREATE TABLE archive_plain (
  id INTEGER PRIMARY KEY,
  account_id INTEGER NOT NULL,
  peer TEXT NOT NULL,                -- bare JID of the other side
  xml TEXT NOT NULL
) STRICT;
INSERT INTO archive_plain SELECT id, account_id, peer, xml FROM archive ORDER BY id;
DROP TABLE archive;
ALTER TABLE archive_plain RENAME TO archive;

CREATE TABLE unread_index (
  account_id INTEGER NOT NULL,
  peer TEXT NOT NULL,
  id INTEGER NOT NULL,               -- of unread
  PRIMARY KEY (account_id, peer, id)
) STRICT, WITHOUT ROWID;
INSERT INTO unread_index SELECT account_id, peer, id FROM unread ORDER BY account_id, peer, id;

CREATE TABLE unread_plain (
  id INTEGER PRIMARY KEY,            -- microseconds since the epoch: the message's id in the archive, if it is there
  account_id INTEGER NOT NULL,
  peer TEXT NOT NULL,                -- bare JID of the chat
  ref TEXT                           -- id of the stanza: what a marker names (XEP-0333)
) STRICT;
INSERT INTO unread_plain SELECT id, account_id, peer, ref FROM unread ORDER BY id;
DROP TABLE unread;
ALTER TABLE unread_plain RENAME TO unread;

CREATE TABLE verdicts_index (
  account_id INTEGER NOT NULL,
  id INTEGER NOT NULL,               -- of verdicts
  PRIMARY KEY (account_id, id)
) STRICT, WITHOUT ROWID;
INSERT INTO verdicts_index SELECT account_id, id FROM verdicts ORDER BY account_id, id;

CREATE TABLE verdicts_plain (
  id INTEGER PRIMARY KEY,
  account_id INTEGER NOT NULL,
  device_id INTEGER,                 -- may be gone by now; null: the webhook
  message_id TEXT NOT NULL,
  verdict TEXT NOT NULL,             -- sent | held | suppressed | withdrawn | coalesced | dropped | forgotten
  rule TEXT NOT NULL,
  reason TEXT,                       -- the provider's word
  at INTEGER NOT NULL
) STRICT;
INSERT INTO verdicts_plain SELECT id, account_id, device_id, message_id, verdict, rule, reason, at FROM verdicts;
DROP TABLE verdicts;
ALTER TABLE verdicts_plain RENAME TO verdicts;
CREATE INDEX verdicts_by_message ON verdicts (message_id);

CREATE TABLE offline_index (
  account_id INTEGER NOT NULL,
  id INTEGER NOT NULL,               -- of offline; only of what waits
  PRIMARY KEY (account_id, id)
) STRICT, WITHOUT ROWID;
INSERT INTO offline_index SELECT account_id, id FROM offline WHERE in_flight = 0 ORDER BY account_id, id;

CREATE TABLE offline_plain (
  id INTEGER PRIMARY KEY,
  account_id INTEGER NOT NULL,
  bytes INTEGER NOT NULL,
  unread INTEGER NOT NULL,           -- 1: counts for the badge
  in_flight INTEGER NOT NULL,        -- 1: written to a session that has not acknowledged it
  xml TEXT NOT NULL
) STRICT;
INSERT INTO offline_plain SELECT id, account_id, bytes, unread, in_flight, xml FROM offline ORDER BY id;
DROP TABLE offline;
ALTER TABLE offline_plain RENAME TO offline;
CREATE INDEX offline_in_flight ON offline (account_id) WHERE in_flight = 1;
