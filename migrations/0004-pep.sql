-- What an account publishes (XEP-0163): its nodes, and how each is configured.
CREATE TABLE pep_nodes (
  account_id INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  node TEXT NOT NULL,
  config TEXT NOT NULL,              -- JSON: lists of values by field of pubsub#node_config
  PRIMARY KEY (account_id, node)
) STRICT, WITHOUT ROWID;

-- Items go with their node by hand: an account that is deleted loses them in batches.
CREATE TABLE pep_items (
  seq INTEGER PRIMARY KEY,           -- microseconds since the epoch, strictly rising: the time and the order
  account_id INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  node TEXT NOT NULL,
  id TEXT NOT NULL,
  bytes INTEGER NOT NULL,
  xml TEXT NOT NULL                  -- the payload alone
) STRICT;
CREATE UNIQUE INDEX pep_items_by_id ON pep_items (account_id, node, id);
CREATE INDEX pep_items_by_seq ON pep_items (account_id, node, seq, bytes);

-- Who asked for a node's notifications in so many words (XEP-0060 §6.1).
CREATE TABLE pep_subscriptions (
  rowid INTEGER PRIMARY KEY,
  account_id INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  node TEXT NOT NULL,
  jid TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX pep_subscriptions_by_jid ON pep_subscriptions (account_id, node, jid);
