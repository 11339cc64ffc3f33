-- Invitations (XEP-0401): whoever holds the token may register, or become a contact, or both.
CREATE TABLE invites (
  id INTEGER PRIMARY KEY,
  hash BLOB NOT NULL UNIQUE,         -- SHA-256 of the token
  host TEXT NOT NULL,                -- where one may register
  jid TEXT,                          -- set: the one account that may be made, reserved until the end
  account_id INTEGER REFERENCES accounts (id) ON DELETE CASCADE, -- who invites
  register INTEGER NOT NULL,         -- 1: an account may be made with it
  contact INTEGER NOT NULL,          -- 1: who redeems it and who invites become contacts
  uses INTEGER NOT NULL,
  used INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL
) STRICT;
CREATE INDEX invites_by_account ON invites (account_id);
CREATE INDEX invites_by_jid ON invites (jid) WHERE jid IS NOT NULL;
CREATE INDEX invites_by_end ON invites (expires_at);
