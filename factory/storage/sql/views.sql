-- name: items_view
-- Items as observers see them; `ids` limits it to these. `ahead` counts what is claimed before a queued item.
-- What has ended comes last, the latest first: a long history must not push out what is to be done.
SELECT item.id, item.title, item.priority, item.status, item.repo, item.base_branch, item.attempts, item.setbacks, item.epoch, item.holder,
       item.reason, item.condition, item.pr_url, item.version, item.engine, item.source, item.max_iterations,
       coalesce(attempt.iterations, 0) AS iterations, coalesce(attempt.commits, 0) AS commits, coalesce(attempt.tokens, 0) AS tokens,
       extract(epoch FROM clock_timestamp() - item.created_at)::float8 AS age,
       extract(epoch FROM item.scheduled_at - clock_timestamp())::float8 AS due_in,
       extract(epoch FROM item.created_at)::float8 AS created_at, extract(epoch FROM item.started_at)::float8 AS started_at,
       extract(epoch FROM item.completed_at)::float8 AS completed_at, extract(epoch FROM item.scheduled_at)::float8 AS scheduled_at,
       CASE WHEN item.status = 'queued' THEN
            (SELECT count(*) FROM work_items AS other WHERE other.status = 'queued' AND other.scheduled_at <= clock_timestamp()
                    AND (other.rank, other.id) < (item.rank, item.id)) ELSE 0 END AS ahead,
       coalesce(hold.reason, '') AS held
FROM work_items AS item LEFT JOIN attempts AS attempt ON attempt.item = item.id AND attempt.epoch = item.epoch
LEFT JOIN live_holds AS hold ON hold.name = 'hold:' || split_part(item.engine, ':', 1)
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
-- Workers that are not known to be gone, or these.
SELECT id, work_item_id AS item, epoch, status, phase, current_iteration AS iteration, total_tokens AS tokens, host, isolation, reason,
       container_id, extract(epoch FROM clock_timestamp() - created_at)::float8 AS age,
       extract(epoch FROM clock_timestamp() - last_heartbeat)::float8 AS beat_age,
       extract(epoch FROM clock_timestamp() - progress_at)::float8 AS progress_age
FROM workers
WHERE CASE WHEN %(ids)s::text[] IS NULL THEN status <> 'dead' ELSE id = ANY(%(ids)s) END
ORDER BY created_at, id LIMIT %(limit)s;

-- name: attempts_view
-- With the end of each one's evidence; the whole of the last is the item's.
SELECT epoch, outcome, burnt, reason, right(evidence, 4000) AS evidence, iterations, tokens, commits, files_changed, base_commit, head_commit,
       extract(epoch FROM started_at)::float8 AS started_at, extract(epoch FROM ended_at)::float8 AS ended_at
FROM attempts WHERE item = %(item)s ORDER BY epoch;

-- name: counts_view
SELECT status, count(*) AS n FROM work_items GROUP BY status;

-- name: pull_requests_view
SELECT number, item, repo, branch, base_branch, head, title, url, state, extract(epoch FROM created_at)::float8 AS created_at
FROM pull_requests WHERE %(item)s::text IS NULL OR item = %(item)s ORDER BY created_at DESC, item LIMIT %(limit)s;

-- name: outbox_view
SELECT item, epoch, tries, last_error FROM outbox WHERE done_at IS NULL ORDER BY created_at LIMIT %(limit)s;
