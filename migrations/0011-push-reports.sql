-- `push explain MESSAGE-ID` looks for one message; ids rise with time, so that both grow at their end.
CREATE INDEX verdicts_by_message ON verdicts (message_id);
CREATE INDEX outbox_by_message ON outbox (message_id);
-- The dead are few and old: without this every look for them would pass all that waits.
CREATE INDEX outbox_dead ON outbox (id) WHERE state = 'dead';
