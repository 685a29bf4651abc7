-- name: items_without_spec
-- What waits for its spec, next first, none while an operator has paused the factory or drains it: a spec costs something. `since` is the
-- event that made it wait: a draft or a failure before that belongs to an earlier waiting.
WITH first AS MATERIALIZED (
    SELECT id, repo, base_branch, title, source_id, source_url, rank FROM work_items
    WHERE status = 'parked' AND condition = 'spec'
      AND NOT EXISTS (SELECT 1 FROM limits WHERE limits.name = 'pause' AND limits.value ?| ARRAY['intake', 'dispatch'])
    ORDER BY rank, id LIMIT %(limit)s)
SELECT item.id AS item, waiting.since, item.repo, item.base_branch, coalesce(issue.title, item.title) AS title,
       coalesce(issue.body, '') AS body, coalesce(issue.url, item.source_url) AS url, coalesce(issue.source_id, item.source_id) AS name,
       asked.rounds, asked.questions, kept.draft, failed.bad
FROM first AS item
LEFT JOIN issues AS issue ON issue.item = item.id
CROSS JOIN LATERAL (
    SELECT coalesce(max(seq), 0) AS since FROM events WHERE stream = 'item:' || item.id AND data ? 'status'
) AS waiting
CROSS JOIN LATERAL (
    SELECT count(*) AS rounds, (array_agg(data -> 'questions' ORDER BY seq DESC))[1] AS questions
    FROM events WHERE stream = 'item:' || item.id AND type = 'SPEC.QUESTIONED.SUCCESS'
) AS asked
LEFT JOIN spec_drafts AS kept ON kept.item = item.id AND kept.since = waiting.since
CROSS JOIN LATERAL (
    SELECT count(*) AS bad FROM events
    WHERE stream = 'item:' || item.id AND seq > waiting.since AND type = 'SPEC.DRAFTED.FAILED' AND data @> '{"answered": true}'
) AS failed
ORDER BY item.rank, item.id;

-- name: lock_item_without_spec
-- Whether it still waits; it goes on doing so until this transaction ends. The queue too locks the item before its stream.
SELECT id FROM work_items WHERE id = %(item)s AND status = 'parked' AND condition = 'spec' FOR SHARE;

-- name: waiting_since
-- The event that made it wait. A statement of its own, behind the lock: who waited for the lock would see what was before.
SELECT coalesce(max(seq), 0) AS since FROM events WHERE stream = 'item:' || %(item)s AND data ? 'status';

-- name: keep_spec_draft
-- What was written, in the place of what was for an earlier waiting; nothing where something is kept for this one.
INSERT INTO spec_drafts (item, since, draft) VALUES (%(item)s, %(since)s, %(draft)s)
ON CONFLICT (item) DO UPDATE SET since = excluded.since, draft = excluded.draft, created_at = clock_timestamp()
WHERE spec_drafts.since <> excluded.since
RETURNING item;
