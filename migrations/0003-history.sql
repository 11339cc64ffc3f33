-- Whose messages the archive takes (XEP-0313 §6): an account without a row follows the server's default.
CREATE TABLE archive_prefs (
  account_id INTEGER PRIMARY KEY REFERENCES accounts (id) ON DELETE CASCADE,
  mode TEXT NOT NULL,                -- always | roster | never
  always TEXT NOT NULL,              -- JSON array of bare JIDs
  never TEXT NOT NULL                -- JSON array of bare JIDs
) STRICT;

-- Who may not reach the account (XEP-0191): bare JIDs, full JIDs and domains.
CREATE TABLE blocked (
  account_id INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  jid TEXT NOT NULL,
  PRIMARY KEY (account_id, jid)
) STRICT, WITHOUT ROWID;

-- Private XML of clients (XEP-0049), one document per element name and namespace.
CREATE TABLE private_xml (
  account_id INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  name TEXT NOT NULL,                -- {namespace}element
  xml TEXT NOT NULL,
  PRIMARY KEY (account_id, name)
) STRICT, WITHOUT ROWID;
