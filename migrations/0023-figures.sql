-- Figures over time for the web admin: a row a minute for a day, and one of half an hour for a month.
CREATE TABLE figures (
  -- Seconds that a row covers.
  step INTEGER NOT NULL,
  -- Begin, ms since the epoch, a multiple of the step.
  at INTEGER NOT NULL,
  sessions REAL NOT NULL,
  -- Per minute: messages that clients sent, and requests to providers of push by their result.
  messages REAL NOT NULL,
  push_sent REAL NOT NULL,
  push_merged REAL NOT NULL,
  push_retried REAL NOT NULL,
  push_dropped REAL NOT NULL,
  -- Seconds within which 95 of 100 pushes were answered, and 99 of 100 timers ran; null: none was.
  push_latency REAL,
  loop_lag REAL,
  -- Bytes.
  disk_free REAL NOT NULL,
  memory REAL NOT NULL,
  PRIMARY KEY (step, at)
) STRICT, WITHOUT ROWID;

-- The list of accounts in another order than that of their addresses.
CREATE INDEX accounts_by_creation ON accounts (created_at, id);
CREATE INDEX accounts_by_last_seen ON accounts (ifnull(last_seen, 0), id);
