-- What dashboards ask for over a time: what happened, what came of it, what waits for a person.

-- name: trail
-- Events in the order of their time, behind a place or from a time on; of one stream where it is named.
SELECT stream, seq, (extract(epoch FROM at) * 1000000)::bigint AS micros, type, epoch, data, octet_length(data::text) AS size
FROM events
WHERE (at, stream, seq) > (to_timestamp(0) + %(micros)s * interval '1 microsecond', %(stream)s, %(seq)s)
  AND (%(only)s::text IS NULL OR stream = %(only)s)
ORDER BY at, stream, seq LIMIT %(limit)s;

-- name: series_points
-- What ended in each part of a window, the parts numbered from 0. What was given back or had to wait was not tried.
SELECT floor(extract(epoch FROM created_at - to_timestamp(%(begin)s)) / %(bucket)s)::integer AS part,
       count(*) FILTER (WHERE status NOT IN ('given_back', 'waits')) AS ended,
       count(*) FILTER (WHERE status NOT IN ('given_back', 'waits', 'done')) AS failed,
       sum(tokens_used)::bigint AS tokens, sum(iterations)::bigint AS iterations
FROM worker_metrics WHERE created_at >= to_timestamp(%(begin)s) AND created_at < to_timestamp(%(end)s) GROUP BY part ORDER BY part;

-- name: series_published
-- Pull requests made in each part of a window.
SELECT floor(extract(epoch FROM at - to_timestamp(%(begin)s)) / %(bucket)s)::integer AS part, count(*) AS published
FROM events WHERE type = 'WORK_ITEM.PUBLISHED.SUCCESS' AND at >= to_timestamp(%(begin)s) AND at < to_timestamp(%(end)s)
GROUP BY part ORDER BY part;

-- name: series_waits
-- How long items waited for their first attempt that began in a window, in seconds.
SELECT count(*) AS claims, percentile_cont(ARRAY[0.5, 0.9]) WITHIN GROUP
       (ORDER BY extract(epoch FROM attempt.started_at - greatest(item.created_at, least(item.scheduled_at, attempt.started_at)))::float8) AS waits
FROM attempts AS attempt JOIN work_items AS item ON item.id = attempt.item
WHERE attempt.epoch = 1 AND attempt.started_at >= to_timestamp(%(begin)s) AND attempt.started_at < to_timestamp(%(end)s);

-- name: series_runs
-- How long attempts took that ended in a window, in seconds.
SELECT percentile_cont(ARRAY[0.5, 0.9]) WITHIN GROUP (ORDER BY duration_seconds) AS runs
FROM worker_metrics WHERE status NOT IN ('given_back', 'waits') AND created_at >= to_timestamp(%(begin)s) AND created_at < to_timestamp(%(end)s);

-- name: series_failures
-- Why attempts ended that came to nothing.
SELECT status AS class, count(*) AS n FROM worker_metrics
WHERE status NOT IN ('given_back', 'waits', 'done') AND created_at >= to_timestamp(%(begin)s) AND created_at < to_timestamp(%(end)s)
GROUP BY status ORDER BY n DESC, status;

-- name: series_gates
-- How the gates went on results.
SELECT data ->> 'gate' AS name, count(*) FILTER (WHERE type = 'GATE.VERIFICATION.PASSED') AS passed,
       count(*) FILTER (WHERE type = 'GATE.VERIFICATION.FAILED') AS failed
FROM events WHERE type IN ('GATE.VERIFICATION.PASSED', 'GATE.VERIFICATION.FAILED')
  AND at >= to_timestamp(%(begin)s) AND at < to_timestamp(%(end)s)
GROUP BY name ORDER BY name LIMIT %(limit)s;

-- name: store_seconds
SELECT extract(epoch FROM clock_timestamp())::float8 AS now;

-- name: needs_items
-- Items that only a person can bring on, the one that waits longest first; what failed for good only while it is news.
SELECT id AS item, title, repo, status, reason, extract(epoch FROM updated_at)::float8 AS since
FROM work_items
WHERE status IN ('needs_approval', 'stuck') OR (status = 'failed' AND updated_at > clock_timestamp() - interval '1 day')
ORDER BY updated_at, id LIMIT %(limit)s;

-- name: needs_holds
-- Engines that are shut until a person has paid or logged in.
SELECT substr(hold.name, 6) AS engine, hold.kind, hold.reason, extract(epoch FROM limits.updated_at)::float8 AS since
FROM live_holds AS hold JOIN limits USING (name) WHERE hold.until IS NULL ORDER BY engine;

-- name: needs_outbox
-- Results whose pull request something is in the way of.
SELECT row.item, item.title, item.repo, row.last_error AS reason, row.tries, extract(epoch FROM row.created_at)::float8 AS since
FROM outbox AS row JOIN work_items AS item ON item.id = row.item
WHERE row.done_at IS NULL AND row.last_error <> '' ORDER BY row.created_at LIMIT %(limit)s;

-- name: approvals
-- What waits for a yes or no, with what its last attempt came to.
SELECT item.id, item.title, item.repo, item.base_branch, item.engine, item.status, item.epoch, item.version, item.priority, item.attempts,
       item.source, item.reason AS found, right(item.evidence, 8000) AS evidence, attempt.base_commit, attempt.head_commit, attempt.commits,
       attempt.files_changed, attempt.iterations, attempt.tokens, extract(epoch FROM item.updated_at)::float8 AS since
FROM work_items AS item LEFT JOIN attempts AS attempt ON attempt.item = item.id AND attempt.epoch = item.epoch
WHERE item.status = 'needs_approval' ORDER BY item.updated_at, item.id LIMIT %(limit)s;
