-- The webhook is also told of what happens to accounts and devices, and the end of an account is told after its row is
-- gone: account_id may be null now, which only a new table can say. `sender` of such a row is the account's address.
CREATE TABLE outbox_new (
  id INTEGER PRIMARY KEY AUTOINCREMENT, -- never reused: the dispatcher reads on from the last one it knows
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
INSERT INTO outbox_new SELECT id, account_id, device_id, state, message_id, apns_id, collapse_id, kind, sender, title,
  body, badge, created_at, expires_at, attempts, next_at, hold, nick, call FROM outbox;
DROP TABLE outbox;
ALTER TABLE outbox_new RENAME TO outbox;
CREATE INDEX outbox_by_account ON outbox (account_id);
CREATE INDEX outbox_by_device ON outbox (device_id) WHERE device_id IS NOT NULL;
CREATE INDEX outbox_by_message ON outbox (message_id);
CREATE INDEX outbox_held ON outbox (account_id, sender) WHERE state = 'held';
CREATE INDEX outbox_dead ON outbox (id) WHERE state = 'dead';
CREATE INDEX outbox_of_webhook ON outbox (id) WHERE device_id IS NULL;
