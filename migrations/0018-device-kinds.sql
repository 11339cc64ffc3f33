-- A device may be of another kind than Apple's: what was named after Apple's tokens is named after what it is. Of a kind
-- that knows no environments, `environment` is empty.
ALTER TABLE devices RENAME COLUMN token TO address;
ALTER TABLE devices RENAME COLUMN voip_token TO call_address; -- calls go there; of Apple's kind PushKit's token
ALTER TABLE outbox RENAME COLUMN apns_id TO push_id;           -- the same at each try; Apple's apns-id, the webhook's id
