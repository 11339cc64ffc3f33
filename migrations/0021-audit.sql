-- What was changed by whom and by which door, for the operator to look up.
CREATE TABLE audit (
  id INTEGER PRIMARY KEY,
  at INTEGER NOT NULL,
  event TEXT NOT NULL,
  by TEXT NOT NULL,
  door TEXT NOT NULL,
  -- Network address that it came from; null where there is none.
  address TEXT,
  -- The account or room that it was done to.
  about TEXT,
  -- Further facts as JSON; never a secret.
  facts TEXT NOT NULL
) STRICT;

CREATE INDEX audit_about ON audit (about, id) WHERE about IS NOT NULL;
