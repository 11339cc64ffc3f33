-- What each account's name looks like (UTS #39), so that no other can be made that is taken for it. NULL: not written
-- yet; housekeeping fills in what was there before, some at a time.
ALTER TABLE accounts ADD COLUMN skeleton TEXT;
CREATE INDEX accounts_by_skeleton ON accounts (skeleton, host);
