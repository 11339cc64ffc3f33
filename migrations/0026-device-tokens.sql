-- Tokens of a phone beside the one that alerts go to: Apple gives out one for each activity, widget, control and so on.
CREATE TABLE device_tokens (
  id INTEGER PRIMARY KEY AUTOINCREMENT, -- never reused: what still waits for a token must not find another
  device_id INTEGER NOT NULL REFERENCES devices (id) ON DELETE CASCADE,
  kind TEXT NOT NULL,
  name TEXT NOT NULL,                  -- which activity, attributes type or control; empty where there is but one
  token TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  refreshed_at INTEGER NOT NULL,
  UNIQUE (device_id, kind, name)
) STRICT;
CREATE INDEX device_tokens_by_token ON device_tokens (token);

-- What the operator's own back end has composed, and which token it goes to.
ALTER TABLE outbox ADD COLUMN direct TEXT;

-- A call may be proposed to a token of PushKit's.
CREATE INDEX devices_by_call_address ON devices (call_address) WHERE call_address IS NOT NULL;
