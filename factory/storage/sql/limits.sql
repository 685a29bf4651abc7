-- name: usage
-- What was used today and how long ago a worker was last started, read from the audit trail and the attempts. A start that is still to
-- come is from before the clock was set back: counted, the next one would wait until it has come again.
SELECT (SELECT count(*) FROM events WHERE type = 'ATTEMPT.ITERATION.STARTED' AND at >= date_trunc('day', clock_timestamp())) AS iterations,
       (SELECT extract(epoch FROM clock_timestamp() - max(started_at))::float8 FROM attempts WHERE started_at <= clock_timestamp()) AS since_start,
       extract(epoch FROM date_trunc('day', clock_timestamp()) + interval '1 day' - clock_timestamp())::float8 AS until_midnight,
       (SELECT coalesce(sum(spent_micros), 0)::bigint FROM attempts WHERE started_at >= date_trunc('day', clock_timestamp())) AS micros,
       (SELECT value -> 'dispatch' FROM limits WHERE name = 'pause') AS pause;

-- name: write_limit
-- What a limit says now, for those who look.
INSERT INTO limits (name, value) VALUES (%(name)s, %(value)s)
ON CONFLICT (name) DO UPDATE SET value = excluded.value, updated_at = clock_timestamp();

-- name: read_limit
SELECT value FROM limits WHERE name = %(name)s FOR UPDATE;

-- name: read_limits
SELECT name, value FROM limits WHERE name <> 'clock' ORDER BY name;

-- name: lift_holds
-- A person has paid, logged in, or knows better.
DELETE FROM limits WHERE name LIKE 'hold:%%' RETURNING name;
