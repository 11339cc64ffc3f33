-- What an account has not read, for its badge: one row per message that is worth ringing for.
CREATE TABLE unread (
  id INTEGER PRIMARY KEY,            -- microseconds since the epoch: the message's id in the archive, if it is there
  account_id INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  peer TEXT NOT NULL,                -- bare JID of the chat
  ref TEXT                           -- id of the stanza: what a marker names (XEP-0333)
) STRICT;
CREATE INDEX unread_by_chat ON unread (account_id, peer);

CREATE TABLE push_settings (
  account_id INTEGER PRIMARY KEY REFERENCES accounts (id) ON DELETE CASCADE,
  marks INTEGER NOT NULL DEFAULT 0,  -- 1: its apps tell what was read (XEP-0333, XEP-0490)
  quiet TEXT,                        -- JSON: when nothing rings
  unknown_senders INTEGER NOT NULL DEFAULT 1 -- 0: only contacts ring
) STRICT;

-- The number that each phone was told last.
CREATE TABLE device_badges (
  device_id INTEGER PRIMARY KEY REFERENCES devices (id) ON DELETE CASCADE,
  badge INTEGER NOT NULL
) STRICT;

-- A push that waits for a reason (state 'held'): the rule that holds it, until next_at.
ALTER TABLE outbox ADD COLUMN hold TEXT;
CREATE INDEX outbox_held ON outbox (account_id, sender) WHERE state = 'held';
