-- Apps with several accounts register one token for all of them: a token is unique within an account. And how a
-- registration is known to be a session.
CREATE TABLE devices_shared (
  id INTEGER PRIMARY KEY AUTOINCREMENT, -- never reused: what still waits for a device must not find another
  account_id INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  kind TEXT NOT NULL,                -- 'apns'
  topic TEXT NOT NULL,               -- bundle id
  environment TEXT NOT NULL,         -- 'production' | 'sandbox'
  environment_pinned INTEGER NOT NULL DEFAULT 0, -- 1: the app said so; 0: assumed, then learned from Apple
  token TEXT NOT NULL,
  session_key TEXT,                  -- user-agent id or resource of the session that it is
  tie TEXT NOT NULL DEFAULT 'named', -- 'named' | 'soon' | 'only' | 'next': routing/whose.ts
  shared INTEGER NOT NULL DEFAULT 0, -- 1: other accounts may have the token beside this one
  node TEXT,                         -- XEP-0357: the node and service that the app named
  service TEXT,
  created_at INTEGER NOT NULL,
  refreshed_at INTEGER NOT NULL,
  last_success INTEGER,
  last_reason TEXT,
  voip_token TEXT,                   -- PushKit: calls go there
  options TEXT NOT NULL DEFAULT '{}', -- DeviceOptions of store/devices.ts, JSON
  UNIQUE (kind, topic, token, account_id)
) STRICT;
-- Of what registered before, Siskin and its kin show by their extensions that their token is of several accounts.
INSERT INTO devices_shared (id, account_id, kind, topic, environment, environment_pinned, token, session_key, shared,
  node, service, created_at, refreshed_at, last_success, last_reason, voip_token, options)
SELECT id, account_id, kind, topic, environment, environment_pinned, token, session_key,
  coalesce(json_extract(options, '$.dialect') = 'tigase', 0),
  node, service, created_at, refreshed_at, last_success, last_reason, voip_token, options FROM devices ORDER BY id;
DELETE FROM sqlite_sequence WHERE name = 'devices_shared';
INSERT INTO sqlite_sequence (name, seq) SELECT 'devices_shared', seq FROM sqlite_sequence WHERE name = 'devices';
DROP TABLE devices;
ALTER TABLE devices_shared RENAME TO devices;
CREATE INDEX devices_by_account ON devices (account_id, refreshed_at);
-- What the operator must mend is looked for often and found seldom.
CREATE INDEX devices_of_other_apps ON devices (topic) WHERE last_reason = 'DeviceTokenNotForTopic';

-- What Apple called the push that was answered: `push explain` and Apple's console speak of the same one.
ALTER TABLE verdicts ADD COLUMN apns_id TEXT;
ALTER TABLE verdicts ADD COLUMN apns_unique_id TEXT; -- Apple's sandbox only
