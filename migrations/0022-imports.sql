-- Facts of other servers that were taken over: each is taken once, whatever becomes of it here.
CREATE TABLE imported (
  -- Bare JID of an account or a room.
  owner TEXT NOT NULL,
  -- Hash of the fact; 0: the account or room itself.
  fact INTEGER NOT NULL,
  PRIMARY KEY (owner, fact)
) STRICT, WITHOUT ROWID;
