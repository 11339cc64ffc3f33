-- What an app asks of its pushes, the token of its calls, and what a push says of a call or a room.
ALTER TABLE devices ADD COLUMN voip_token TEXT;                     -- PushKit: calls go there
ALTER TABLE devices ADD COLUMN options TEXT NOT NULL DEFAULT '{}';  -- DeviceOptions of store/devices.ts, JSON
ALTER TABLE outbox ADD COLUMN nick TEXT;                            -- who speaks in the room, where policy allows
ALTER TABLE outbox ADD COLUMN call TEXT;                            -- CallFacts of store/push.ts, JSON
