-- name: lock_streams
-- The heads of these streams, locked in one order so that two writers of the same streams cannot deadlock.
SELECT stream, seq, hash FROM streams WHERE stream = ANY(%(streams)s) ORDER BY stream FOR UPDATE;

-- name: open_streams
-- Makes the heads of streams that have no event yet.
INSERT INTO streams (stream, seq, hash)
SELECT stream, 0, %(genesis)s FROM unnest(%(streams)s::text[]) AS stream ORDER BY stream
ON CONFLICT (stream) DO NOTHING;

-- name: transaction_time
-- Microseconds since 1970 on the database's clock; what events are stamped with.
SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint AS micros;

-- name: append_event
-- One event behind the head of its stream.
INSERT INTO events (stream, seq, at, type, tags, metadata, data, epoch, number, prev_hash, hash)
VALUES (%(stream)s, %(seq)s, to_timestamp(0) + %(micros)s * interval '1 microsecond', %(type)s, %(tags)s, %(metadata)s, %(data)s,
        %(epoch)s, %(number)s, %(prev_hash)s, %(hash)s);

-- name: move_head
-- The new head of a stream.
UPDATE streams SET seq = %(seq)s, hash = %(hash)s WHERE stream = %(stream)s;

-- name: known_numbers
-- Which of an agent's event numbers are stored already.
SELECT number FROM events WHERE stream = %(stream)s AND epoch = %(epoch)s AND number = ANY(%(numbers)s);

-- name: last_number
-- The highest agent's event number of an epoch up to which none is missing.
SELECT coalesce(max(number), 0) AS last FROM (
    SELECT number, row_number() OVER (ORDER BY number) AS place FROM events
    WHERE stream = %(stream)s AND epoch = %(epoch)s AND number IS NOT NULL) AS numbered
WHERE number = place;

-- name: read_stream
-- A stream from `after` on, oldest first.
SELECT seq, (extract(epoch FROM at) * 1000000)::bigint AS micros, type, tags, metadata, data, epoch, number, prev_hash, hash
FROM events WHERE stream = %(stream)s AND seq > %(after)s ORDER BY seq LIMIT %(limit)s;

-- name: events_mark
-- Where a reader that wants only what comes from now on begins.
SELECT pg_snapshot_xmin(pg_current_snapshot())::text AS xid;

-- name: events_after
-- What was committed since, in an order in which nothing can still appear behind the reader: a transaction with a lower id may
-- commit later, so only those below the oldest one still running are read.
SELECT xid::text AS xid, stream, seq, (extract(epoch FROM at) * 1000000)::bigint AS micros, type, data, epoch
FROM events
WHERE (xid, stream, seq) > (%(xid)s::text::xid8, %(stream)s, %(seq)s) AND xid < pg_snapshot_xmin(pg_current_snapshot())
ORDER BY xid, stream, seq LIMIT %(limit)s;

-- name: notify_events
-- Wakes the journal when this transaction commits.
SELECT pg_notify('factory_events', '');
