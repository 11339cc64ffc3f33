-- Accounts and what belongs to them. Times are milliseconds since the epoch unless the name says otherwise.
CREATE TABLE accounts (
  id INTEGER PRIMARY KEY AUTOINCREMENT, -- never reused: a deleted account's session must not become the next one's
  jid TEXT NOT NULL UNIQUE,          -- prepared bare JID
  host TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  disabled INTEGER NOT NULL DEFAULT 0,
  last_seen INTEGER,                 -- end of the last session (XEP-0012 §3)
  last_status TEXT,                  -- status text of its unavailable presence
  roster_version INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX accounts_by_host ON accounts (host, jid);

-- One row per SCRAM hash (RFC 5802 §3): never a password.
CREATE TABLE credentials (
  account_id INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  hash TEXT NOT NULL,                -- 'SHA-1' | 'SHA-256'
  salt BLOB NOT NULL,
  iterations INTEGER NOT NULL,
  stored_key BLOB NOT NULL,
  server_key BLOB NOT NULL,
  PRIMARY KEY (account_id, hash)
) STRICT, WITHOUT ROWID;

CREATE TABLE vcards (
  account_id INTEGER PRIMARY KEY REFERENCES accounts (id) ON DELETE CASCADE,
  xml TEXT NOT NULL
) STRICT;

-- A roster item or a bare subscription state (RFC 6121 §2, §3, appendix A).
CREATE TABLE contacts (
  account_id INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  jid TEXT NOT NULL,
  name TEXT,
  groups TEXT NOT NULL DEFAULT '[]', -- JSON array of names
  subscription TEXT NOT NULL,        -- none | to | from | both | remove (a tombstone for versioning)
  ask INTEGER NOT NULL DEFAULT 0,    -- pending out
  pending TEXT,                      -- pending in: the subscribe stanza to show at each login
  approved INTEGER NOT NULL DEFAULT 0,
  listed INTEGER NOT NULL DEFAULT 1, -- 0: known only for its subscription state, never in the roster
  version INTEGER NOT NULL,
  PRIMARY KEY (account_id, jid)
) STRICT, WITHOUT ROWID;

-- Ids of archive and offline are microseconds since the epoch, strictly rising.
CREATE TABLE archive (
  id INTEGER PRIMARY KEY,
  account_id INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  peer TEXT NOT NULL,                -- bare JID of the other side
  xml TEXT NOT NULL
) STRICT;
CREATE INDEX archive_by_account ON archive (account_id);
CREATE INDEX archive_by_peer ON archive (account_id, peer);

CREATE TABLE offline (
  id INTEGER PRIMARY KEY,
  account_id INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  bytes INTEGER NOT NULL,
  unread INTEGER NOT NULL,           -- 1: counts for the badge
  xml TEXT NOT NULL
) STRICT;
CREATE INDEX offline_by_account ON offline (account_id, unread, bytes);

-- Messages already taken, so that a client may send again after a cut (XEP-0359 origin-id).
CREATE TABLE origins (
  id INTEGER PRIMARY KEY,
  origin TEXT NOT NULL UNIQUE        -- sender, recipient and origin-id
) STRICT;

CREATE TABLE tokens (
  id INTEGER PRIMARY KEY,
  hash BLOB NOT NULL UNIQUE,         -- SHA-256 of the token
  prefix TEXT NOT NULL,
  name TEXT NOT NULL,
  account_id INTEGER REFERENCES accounts (id) ON DELETE CASCADE, -- set: acts as that account
  scopes TEXT NOT NULL,              -- JSON array
  created_at INTEGER NOT NULL,
  expires_at INTEGER,
  last_used INTEGER
) STRICT;

-- Small facts of the server itself: the secret behind the salts of unknown users, and the like.
CREATE TABLE settings (
  name TEXT PRIMARY KEY,
  value BLOB NOT NULL
) STRICT, WITHOUT ROWID;
