-- name: items_view
-- Items as observers see them; `ids` limits it to these. `attempts` counts those that are held against the item, `attempts_made` all. `ahead` counts what is claimed before a queued item.
-- An item that needs labels which no host with a place free has is passed over, and so is ahead of nobody.
-- What has ended comes last, the latest first: a long history must not push out what is to be done.
SELECT item.id, item.title, item.priority, item.status, item.repo, item.base_branch, item.attempts, item.setbacks,
       (SELECT count(*) FROM attempts AS made WHERE made.item = item.id) AS attempts_made, item.epoch, item.holder,
       item.reason, item.condition, item.pr_url, item.version, item.engine, item.needs, item.source, item.source_url,
       item.max_iterations, coalesce(attempt.iterations, 0) AS iterations, coalesce(attempt.commits, 0) AS commits, coalesce(attempt.tokens, 0) AS tokens,
       extract(epoch FROM clock_timestamp() - item.created_at)::float8 AS age,
       extract(epoch FROM clock_timestamp() - item.updated_at)::float8 AS since_age,
       extract(epoch FROM item.scheduled_at - clock_timestamp())::float8 AS due_in,
       extract(epoch FROM item.created_at)::float8 AS created_at, extract(epoch FROM item.started_at)::float8 AS started_at,
       extract(epoch FROM item.completed_at)::float8 AS completed_at, extract(epoch FROM item.scheduled_at)::float8 AS scheduled_at,
       CASE WHEN item.status = 'queued' THEN
            (SELECT count(*) FROM work_items AS other WHERE other.status = 'queued' AND other.scheduled_at <= clock_timestamp()
                    AND (other.rank, other.id) < (item.rank, item.id)
                    AND (other.needs = '{}' OR EXISTS (SELECT 1 FROM limits, jsonb_array_elements(limits.value -> 'offered') AS host (labels)
                                                       WHERE limits.name = 'dispatch' AND to_jsonb(other.needs) <@ host.labels)))
            ELSE 0 END AS ahead,
       coalesce(hold.reason, '') AS held, coalesce(publication.tries, 0) AS tries, coalesce(publication.last_error, '') AS last_error
FROM work_items AS item LEFT JOIN attempts AS attempt ON attempt.item = item.id AND attempt.epoch = item.epoch
LEFT JOIN live_holds AS hold ON hold.name = 'hold:' || split_part(item.engine, ':', 1)
LEFT JOIN outbox AS publication ON publication.item = item.id AND publication.epoch = item.epoch AND publication.done_at IS NULL
WHERE (%(ids)s::text[] IS NULL OR item.id = ANY(%(ids)s)) AND (NOT %(open)s OR item.status NOT IN ('completed', 'failed', 'cancelled'))
ORDER BY item.status IN ('completed', 'failed', 'cancelled'),
         CASE WHEN item.status IN ('completed', 'failed', 'cancelled') THEN -extract(epoch FROM item.updated_at) ELSE item.rank END, item.id
LIMIT %(limit)s;

-- name: item_texts
SELECT spec, evidence FROM work_items WHERE id = %(id)s;

-- name: find_items
-- Items whose id begins so; two are enough to know that it is not unique.
SELECT id FROM work_items WHERE starts_with(id, %(prefix)s) ORDER BY id LIMIT 2;

-- name: workers_view
-- Workers that are not known to be gone, or these. One whose lease is over is on its way out: with its result taken `stopping`,
-- else `killing`, however long its host cannot be reached.
SELECT worker.id, worker.work_item_id AS item, worker.epoch,
       CASE WHEN worker.status = 'dead' OR (item.status IN ('assigned', 'running') AND item.epoch = worker.epoch) THEN worker.status
            WHEN attempt.outcome = 'done' THEN 'stopping' ELSE 'killing' END AS status,
       worker.phase, worker.current_iteration AS iteration, worker.total_tokens AS tokens, worker.host, worker.isolation,
       worker.cpu, worker.memory, worker.memory_limit, worker.pids,
       CASE WHEN worker.status = 'dead' THEN worker.reason ELSE coalesce(attempt.reason, '') END AS reason,
       worker.container_id, extract(epoch FROM clock_timestamp() - worker.created_at)::float8 AS age,
       extract(epoch FROM worker.last_heartbeat)::float8 AS beat_at, extract(epoch FROM worker.progress_at)::float8 AS progress_at,
       extract(epoch FROM clock_timestamp() - worker.last_heartbeat)::float8 AS beat_age,
       extract(epoch FROM clock_timestamp() - worker.progress_at)::float8 AS progress_age
FROM workers AS worker JOIN work_items AS item ON item.id = worker.work_item_id
LEFT JOIN attempts AS attempt ON attempt.item = worker.work_item_id AND attempt.epoch = worker.epoch
WHERE CASE WHEN %(ids)s::text[] IS NULL THEN worker.status <> 'dead' ELSE worker.id = ANY(%(ids)s) END
ORDER BY worker.created_at, worker.id LIMIT %(limit)s;

-- name: attempts_view
-- With the end of each one's evidence; the whole of the last is the item's.
SELECT epoch, outcome, burnt, reason, right(evidence, 4000) AS evidence, iterations, tokens, commits, files_changed, base_commit, head_commit,
       spent_micros, spent_calls, blocked_hosts,
       extract(epoch FROM started_at)::float8 AS started_at, extract(epoch FROM ended_at)::float8 AS ended_at
FROM attempts WHERE item = %(item)s ORDER BY epoch;

-- name: gates_view
-- How the gates went in verifications of an item's results, the latest last.
SELECT * FROM (
    SELECT seq, epoch, extract(epoch FROM at)::float8 AS at, type = 'GATE.VERIFICATION.PASSED' AS passed, data ->> 'gate' AS name,
           (data ->> 'required')::boolean AS required, (data ->> 'seconds')::float8 AS seconds, (data ->> 'code')::integer AS code,
           data ->> 'output' AS output
    FROM events WHERE stream = 'item:' || %(item)s AND type IN ('GATE.VERIFICATION.PASSED', 'GATE.VERIFICATION.FAILED')
    ORDER BY seq DESC LIMIT %(limit)s) AS latest ORDER BY seq;

-- name: result_view
-- The result of an attempt, of the latest that has one where none is named, and where its bundle was put.
SELECT attempt.epoch, attempt.base_commit, attempt.head_commit, item.repo, item.base_branch, item.status, item.epoch AS item_epoch,
       coalesce(row.payload ->> 'bundle', '') AS bundle
FROM attempts AS attempt JOIN work_items AS item ON item.id = attempt.item
LEFT JOIN outbox AS row ON row.item = attempt.item AND row.epoch = attempt.epoch AND row.kind = 'publish'
WHERE attempt.item = %(item)s AND attempt.head_commit IS NOT NULL AND (%(epoch)s = 0 OR attempt.epoch = %(epoch)s)
ORDER BY attempt.epoch DESC LIMIT 1;

-- name: counts_view
SELECT status, count(*) AS n FROM work_items GROUP BY status;

-- name: pull_requests_view
-- With its text, and what was read of it last, where it is asked for alone.
SELECT pull.item AS id, pull.number, pull.item, pull.repo, pull.branch, pull.base_branch, pull.head, pull.title, pull.url, pull.state,
       extract(epoch FROM pull.created_at)::float8 AS created_at, pull.standing, pull.look_error, item.reworks,
       CASE WHEN %(item)s::text IS NOT NULL THEN pull.body END AS body,
       CASE WHEN %(item)s::text IS NOT NULL THEN pull.shown END AS shown,
       CASE WHEN %(item)s::text IS NOT NULL THEN extract(epoch FROM pull.looked_at)::float8 END AS looked_at
FROM pull_requests AS pull JOIN work_items AS item ON item.id = pull.item
WHERE %(item)s::text IS NULL OR pull.item = %(item)s ORDER BY pull.created_at DESC, pull.item LIMIT %(limit)s;

-- name: outbox_view
SELECT item AS id, item, epoch, tries, last_error, extract(epoch FROM clock_timestamp() - created_at)::float8 AS age
FROM outbox WHERE done_at IS NULL ORDER BY created_at LIMIT %(limit)s;

-- name: store_writes
-- Whether this session may write, and since when the queue, which notes the time again and again, has not; as far as this session can know.
SELECT current_setting('transaction_read_only')::boolean AS read_only, noted.since,
       extract(epoch FROM clock_timestamp() - noted.since)::float8 AS quiet
FROM (SELECT greatest((SELECT updated_at FROM limits WHERE name = 'clock'), session.backend_start) AS since
      FROM pg_stat_get_activity(pg_backend_pid()) AS session) AS noted;
