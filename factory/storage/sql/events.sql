-- name: lock_streams
-- The heads of these streams, made where there was none, locked in one order so that two writers of the same streams cannot
-- deadlock. With each the time at which it was locked, in microseconds since 1970 on the database's clock. A head that somebody
-- else was just making is missing; the same statement once more gives it.
WITH opened AS (
    INSERT INTO streams (stream, seq, hash)
    SELECT stream, 0, %(genesis)s FROM unnest(%(streams)s::text[]) AS stream ORDER BY stream
    ON CONFLICT (stream) DO NOTHING RETURNING stream, seq, hash),
locked AS MATERIALIZED (
    SELECT stream, seq, hash FROM streams WHERE stream = ANY(%(streams)s) ORDER BY stream FOR UPDATE)
SELECT head.*, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint AS micros
FROM (SELECT * FROM opened UNION ALL SELECT * FROM locked) AS head;

-- name: append_events
-- Events behind the heads of their streams, and the new heads; wakes the journal when this transaction commits.
WITH new AS MATERIALIZED (
    SELECT * FROM jsonb_to_recordset(%(events)s)
        AS new (stream text, seq bigint, type text, tags jsonb, metadata jsonb, data jsonb, epoch integer, number integer,
                prev_hash text, hash text)),
appended AS (
    INSERT INTO events (stream, seq, at, type, tags, metadata, data, epoch, number, prev_hash, hash)
    SELECT stream, seq, to_timestamp(0) + %(micros)s * interval '1 microsecond', type, tags, metadata, data, epoch, number,
           decode(prev_hash, 'hex'), decode(hash, 'hex')
    FROM new),
moved AS (
    UPDATE streams AS head SET seq = last.seq, hash = decode(last.hash, 'hex')
    FROM (SELECT DISTINCT ON (stream) stream, seq, hash FROM new ORDER BY stream, seq DESC) AS last
    WHERE head.stream = last.stream)
SELECT pg_notify('factory_events', '');

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
