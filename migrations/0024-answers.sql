-- Answers to requests that carried an Idempotency-Key, so that the same request gets the same answer again.
CREATE TABLE answers (
  id INTEGER PRIMARY KEY,
  -- Hash of who asked, about which route, under which key; the key itself is not kept.
  mark BLOB NOT NULL UNIQUE,
  actor TEXT NOT NULL,
  -- Hash of the request.
  request BLOB NOT NULL,
  status INTEGER NOT NULL,
  -- Encrypted under the key, since it may hold what is shown once.
  body BLOB NOT NULL,
  at INTEGER NOT NULL
) STRICT;

CREATE INDEX answers_actor ON answers (actor, id);
CREATE INDEX answers_at ON answers (at);
