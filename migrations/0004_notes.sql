-- Notes of operators to the agent of an item, looked up with each claim.

CREATE INDEX events_notes ON events (stream, seq) WHERE type = 'WORK_ITEM.NOTED.SUCCESS';
-- What happened lately, in all streams: the dashboard's replay.
CREATE INDEX events_at ON events (at, stream, seq);
