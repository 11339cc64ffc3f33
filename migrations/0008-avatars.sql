-- The picture of a vCard by its SHA-1 (XEP-0153), so that no presence needs to read it; empty where there is none.
ALTER TABLE vcards ADD COLUMN photo TEXT NOT NULL DEFAULT '';
