-- Ids of messages only rise, whatever the clock does. Where the clock was set back, ids run ahead of it: those from
-- `from_id` on by so many microseconds, up to the next row's.
CREATE TABLE clock_shifts (
  from_id INTEGER PRIMARY KEY,
  ahead INTEGER NOT NULL
) STRICT;
