-- name: open_publications
-- What waits to be published, those that are due first, with its item: a dead remote's rows must not hide the others. A row whose item went another way is the queue's to close.
SELECT row.item, row.epoch, row.payload, row.tries, row.not_before <= clock_timestamp() AS due, item.repo, item.base_branch, item.title,
       item.spec, coalesce(item.approved_digest, '') AS approved_digest, item.reworks, item.source, item.source_id, spent.iterations,
       spent.tokens, spent.micros, worker.host, worker.isolation,
       ARRAY(SELECT DISTINCT host FROM attempts AS any_attempt, unnest(any_attempt.blocked_hosts) AS host
             WHERE any_attempt.item = row.item AND any_attempt.epoch <= row.epoch ORDER BY host) AS blocked,
       ARRAY(SELECT earlier.head_commit FROM attempts AS earlier
             WHERE earlier.item = row.item AND earlier.epoch < row.epoch AND earlier.head_commit IS NOT NULL ORDER BY earlier.epoch)
       AS earlier_heads
FROM outbox AS row
JOIN work_items AS item ON item.id = row.item AND item.epoch = row.epoch AND item.status = 'publishing'
CROSS JOIN LATERAL (SELECT sum(attempt.iterations)::bigint AS iterations, sum(attempt.tokens)::bigint AS tokens,
                           sum(attempt.spent_micros)::bigint AS micros
                    FROM attempts AS attempt WHERE attempt.item = row.item AND attempt.epoch <= row.epoch) AS spent
LEFT JOIN workers AS worker ON worker.work_item_id = row.item AND worker.epoch = row.epoch
WHERE row.done_at IS NULL AND row.kind = 'publish'
ORDER BY row.not_before > clock_timestamp(), row.not_before, row.item LIMIT %(limit)s;

-- name: publication_is_open
-- Whether anybody still wants it.
SELECT 1 FROM outbox AS row
JOIN work_items AS item ON item.id = row.item AND item.epoch = row.epoch AND item.status = 'publishing'
WHERE row.item = %(item)s AND row.epoch = %(epoch)s AND row.kind = 'publish' AND row.done_at IS NULL;

-- name: note_publication_error
-- A failure that may pass; the row is due again after a while.
UPDATE outbox SET tries = tries + 1, last_error = %(error)s, not_before = clock_timestamp() + make_interval(secs => %(delay)s)
WHERE item = %(item)s AND epoch = %(epoch)s AND kind = 'publish' AND done_at IS NULL;

-- name: ended_publications
-- What was closed lately. A result that may still be approved keeps its bundle.
SELECT row.item, row.epoch, CASE WHEN item.status = 'needs_approval' AND item.epoch = row.epoch THEN ''
                            ELSE coalesce(row.payload ->> 'bundle', '') END AS bundle
FROM outbox AS row JOIN work_items AS item ON item.id = row.item
WHERE row.done_at > clock_timestamp() - interval '1 day' AND row.kind = 'publish'
ORDER BY row.done_at DESC LIMIT %(limit)s;

-- name: wanted_results
-- Those of the leases that live, that are being published, or whose result a person may still say yes to.
SELECT asked.item, asked.epoch FROM unnest(%(items)s::text[], %(epochs)s::integer[]) AS asked (item, epoch)
WHERE EXISTS (SELECT 1 FROM work_items AS item WHERE item.id = asked.item AND item.epoch = asked.epoch
              AND item.status IN ('assigned', 'running', 'publishing', 'needs_approval'))
   OR EXISTS (SELECT 1 FROM outbox AS row WHERE row.item = asked.item AND row.epoch = asked.epoch AND row.done_at IS NULL);
