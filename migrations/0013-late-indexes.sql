-- Whose rows are where in the archive, in offline storage, among the verdicts and what is unread, written some rows of
-- an account at a time (store/late-index.ts): an index of the table itself would touch a page of its own for each row.
-- No foreign keys: to delete an account would be to look for its rows in all of them (store/accounts.ts deletes them).
-- The setting `indexed-…` is the id up to which an index is complete: without it the first start would fill it anew.
CREATE TABLE archive_index (
  account_id INTEGER NOT NULL,
  peer TEXT NOT NULL,
  id INTEGER NOT NULL,               -- of the archive
  PRIMARY KEY (account_id, peer, id)
) STRICT, WITHOUT ROWID;
INSERT INTO archive_index SELECT account_id, peer, id FROM archive ORDER BY account_id, peer, id;
INSERT INTO settings SELECT 'indexed-archive', CAST(max(id) || '' AS BLOB) FROM archive HAVING max(id) IS NOT NULL;
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
INSERT INTO settings SELECT 'indexed-unread', CAST(max(id) || '' AS BLOB) FROM unread HAVING max(id) IS NOT NULL;

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
INSERT INTO settings SELECT 'indexed-verdicts', CAST(max(id) || '' AS BLOB) FROM verdicts HAVING max(id) IS NOT NULL;

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
INSERT INTO settings SELECT 'indexed-offline', CAST(max(id) || '' AS BLOB) FROM offline HAVING max(id) IS NOT NULL;

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

-- Without AUTOINCREMENT, which is a second row to be written for each push: store/push.ts counts.
CREATE TABLE outbox_plain (
  id INTEGER PRIMARY KEY,            -- rising: the dispatcher reads on from the last one it knows
  account_id INTEGER REFERENCES accounts (id) ON DELETE CASCADE, -- null: an event of an account that is no more
  device_id INTEGER REFERENCES devices (id) ON DELETE CASCADE, -- null: the webhook
  state TEXT NOT NULL DEFAULT 'queued', -- 'queued' | 'held' | 'dead' (webhook only: kept for a replay)
  message_id TEXT NOT NULL,          -- id of the stored message; empty where there is none
  apns_id TEXT NOT NULL,             -- the same at each try
  collapse_id TEXT NOT NULL,
  kind TEXT NOT NULL,                -- rule of classify.ts that proposed it, or an event's name, which has a dot
  sender TEXT NOT NULL,
  title TEXT,                        -- title and body only where the app's policy allows; of an event its data, JSON
  body TEXT,
  badge INTEGER,
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  attempts INTEGER NOT NULL DEFAULT 0,
  next_at INTEGER NOT NULL,
  hold TEXT,                         -- state 'held': the rule that holds it, until next_at
  nick TEXT,                         -- who speaks in the room, where policy allows
  call TEXT                          -- CallFacts of store/push.ts, JSON
) STRICT;
INSERT INTO outbox_plain SELECT id, account_id, device_id, state, message_id, apns_id, collapse_id, kind, sender, title,
  body, badge, created_at, expires_at, attempts, next_at, hold, nick, call FROM outbox ORDER BY id;
DROP TABLE outbox;
ALTER TABLE outbox_plain RENAME TO outbox;
CREATE INDEX outbox_by_account ON outbox (account_id);
CREATE INDEX outbox_by_device ON outbox (device_id) WHERE device_id IS NOT NULL;
CREATE INDEX outbox_by_message ON outbox (message_id);
CREATE INDEX outbox_held ON outbox (account_id, sender) WHERE state = 'held';
CREATE INDEX outbox_dead ON outbox (id) WHERE state = 'dead';
CREATE INDEX outbox_of_webhook ON outbox (id) WHERE device_id IS NULL;
