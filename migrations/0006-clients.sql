-- The apps of an account, by the id that each gives itself (XEP-0388 §2.2 user-agent), with the tokens by which they
-- log in again (XEP-0484): the one in use, and a newer one that was handed out and not used yet.
CREATE TABLE clients (
  id INTEGER PRIMARY KEY,
  account_id INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  agent TEXT NOT NULL,               -- UUID that the app made up
  software TEXT,
  device TEXT,
  created_at INTEGER NOT NULL,
  last_login INTEGER NOT NULL,
  mechanism TEXT,                    -- the one that the token in use is bound to
  token TEXT,
  expires_at INTEGER,
  new_mechanism TEXT,
  new_token TEXT,
  new_expires_at INTEGER
) STRICT;
CREATE UNIQUE INDEX clients_by_agent ON clients (account_id, agent);
