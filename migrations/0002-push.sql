-- Phones that may be rung, what waits to be sent, and why each push went or did not. Times in milliseconds.
CREATE TABLE devices (
  id INTEGER PRIMARY KEY AUTOINCREMENT, -- never reused: what still waits for a device must not find another
  account_id INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  kind TEXT NOT NULL,                -- 'apns'
  topic TEXT NOT NULL,               -- bundle id
  environment TEXT NOT NULL,         -- 'production' | 'sandbox'
  environment_pinned INTEGER NOT NULL DEFAULT 0, -- 1: the app said so; 0: assumed, then learned from Apple
  token TEXT NOT NULL,
  session_key TEXT,                  -- user-agent id or resource that registered it
  node TEXT,                         -- XEP-0357: the node and service that the app named
  service TEXT,
  created_at INTEGER NOT NULL,
  refreshed_at INTEGER NOT NULL,
  last_success INTEGER,
  last_reason TEXT,
  -- An APNs token exists in one environment only, so that the newest registration owns it everywhere.
  UNIQUE (kind, topic, token)
) STRICT;
CREATE INDEX devices_by_account ON devices (account_id, refreshed_at);

CREATE TABLE outbox (
  id INTEGER PRIMARY KEY AUTOINCREMENT, -- never reused: the dispatcher reads on from the last one it knows
  account_id INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  device_id INTEGER REFERENCES devices (id) ON DELETE CASCADE, -- null: the webhook
  state TEXT NOT NULL DEFAULT 'queued', -- 'queued' | 'dead' (webhook only: kept for a replay)
  message_id TEXT NOT NULL,          -- id of the stored message; empty where there is none
  apns_id TEXT NOT NULL,             -- the same at each try
  collapse_id TEXT NOT NULL,
  kind TEXT NOT NULL,                -- rule of classify.ts that proposed it
  sender TEXT NOT NULL,
  title TEXT,                        -- title and body only where the app's policy allows
  body TEXT,
  badge INTEGER,
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  attempts INTEGER NOT NULL DEFAULT 0,
  next_at INTEGER NOT NULL
) STRICT;
CREATE INDEX outbox_by_account ON outbox (account_id);
CREATE INDEX outbox_by_device ON outbox (device_id) WHERE device_id IS NOT NULL;

-- One row per decision about a device or the webhook, without bodies, for `push explain`.
CREATE TABLE verdicts (
  id INTEGER PRIMARY KEY,
  account_id INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  device_id INTEGER,                 -- may be gone by now; null: the webhook
  message_id TEXT NOT NULL,
  verdict TEXT NOT NULL,             -- sent | held | suppressed | dropped | forgotten
  rule TEXT NOT NULL,
  reason TEXT,                       -- the provider's word
  at INTEGER NOT NULL
) STRICT;
CREATE INDEX verdicts_by_account ON verdicts (account_id, id);

-- Apple's provider tokens: signing too often after restarts is punished.
CREATE TABLE provider_tokens (
  team_id TEXT NOT NULL,
  key_id TEXT NOT NULL,
  jwt TEXT NOT NULL,
  issued_at INTEGER NOT NULL,
  PRIMARY KEY (team_id, key_id)
) STRICT, WITHOUT ROWID;
