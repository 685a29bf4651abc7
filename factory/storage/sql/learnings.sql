-- name: unsettled_learnings
-- Items with a result whose learnings were not looked at, or with learnings that are not as active as their item's status says.
SELECT item FROM (
    SELECT row.item FROM outbox AS row
    WHERE row.kind = 'publish' AND NOT EXISTS (SELECT FROM learnings_taken AS taken WHERE taken.item = row.item AND taken.epoch = row.epoch)
    UNION
    SELECT learning.source_work_item_id FROM learnings AS learning JOIN standing_attempts AS standing
    ON standing.item = learning.source_work_item_id AND standing.worker = learning.source_worker_id
    WHERE learning.active <> standing.stands
) AS unsettled ORDER BY item LIMIT %(limit)s;

-- name: untaken_results
-- Results of these items whose learnings were not looked at yet.
SELECT row.item, row.epoch, item.repo, coalesce(row.payload -> 'learnings', '[]') AS lines
FROM outbox AS row JOIN work_items AS item ON item.id = row.item
WHERE row.item = ANY(%(items)s) AND row.kind = 'publish'
  AND NOT EXISTS (SELECT FROM learnings_taken AS taken WHERE taken.item = row.item AND taken.epoch = row.epoch)
ORDER BY row.created_at, row.item;

-- name: take_learnings
-- Says that a result's learnings were looked at; no row where somebody did before.
INSERT INTO learnings_taken (item, epoch, kept, refused) VALUES (%(item)s, %(epoch)s, %(kept)s, %(refused)s)
ON CONFLICT DO NOTHING RETURNING item;

-- name: insert_learning
-- Inactive: it is not known yet what becomes of the result it came with.
INSERT INTO learnings (repo, content, embedding, embedding_model, source_worker_id, source_work_item_id)
VALUES (%(repo)s, %(content)s, %(vector)s::vector, %(model)s, %(worker)s, %(item)s)
ON CONFLICT (source_worker_id, content) DO NOTHING;

-- name: settle_learnings
-- Active are learnings exactly while the result that they came with stands.
UPDATE learnings AS learning SET active = standing.stands FROM standing_attempts AS standing
WHERE learning.source_work_item_id = ANY(%(items)s) AND standing.item = learning.source_work_item_id
  AND standing.worker = learning.source_worker_id AND learning.active <> standing.stands;

-- name: any_active_learning
SELECT 1 FROM learnings WHERE (repo = %(repo)s OR %(repo)s = '') AND active AND embedding_model = %(model)s LIMIT 1;

-- name: nearest_learnings
-- Exact, inside a repository. Materialised on purpose: with an approximate index and a filter the planner finds almost nothing.
WITH candidates AS MATERIALIZED (
    SELECT id, content, repo, source_work_item_id, use_count, created_at, embedding FROM learnings
    WHERE repo = %(repo)s AND active AND embedding_model = %(model)s)
SELECT id, content, repo, source_work_item_id AS item, use_count, extract(epoch FROM created_at)::float8 AS created_at,
       (1 - (embedding <=> %(vector)s::vector))::float8 AS similarity
FROM candidates ORDER BY embedding <=> %(vector)s::vector, id DESC LIMIT %(limit)s;

-- name: nearest_learnings_anywhere
-- The same over all repositories, for people who look for something; as exact, and as slow as there are learnings.
SELECT id, content, repo, source_work_item_id AS item, use_count, extract(epoch FROM created_at)::float8 AS created_at,
       (1 - (embedding <=> %(vector)s::vector))::float8 AS similarity
FROM learnings WHERE active AND embedding_model = %(model)s
ORDER BY embedding <=> %(vector)s::vector, id DESC LIMIT %(limit)s;

-- name: note_learnings_used
UPDATE learnings SET use_count = use_count + 1 WHERE id = ANY(%(ids)s);

-- name: learnings_of_another_model
-- What cannot be compared until it has a vector of this model.
SELECT id, content FROM learnings
WHERE id > %(after)s AND (embedding_model IS DISTINCT FROM %(model)s OR embedding IS NULL) ORDER BY id LIMIT %(limit)s;

-- name: embed_learning
UPDATE learnings SET embedding = %(vector)s::vector, embedding_model = %(model)s WHERE id = %(id)s;

-- name: learnings_view
-- Learnings as observers see them, the newest first; of one repository where one is named, by its address or the last parts of it.
SELECT id, repo, content, active, embedding_model AS model, use_count, source_work_item_id AS item, source_worker_id AS worker,
       extract(epoch FROM created_at)::float8 AS created_at
FROM learnings
WHERE repo = ANY(coalesce(%(repos)s::text[], ARRAY[repo])) ORDER BY id DESC LIMIT %(limit)s;

-- name: learning_repos
-- Repositories with learnings whose address is this or ends so.
SELECT DISTINCT repo FROM learnings
WHERE regexp_replace(repo, '(\.git)?/*$', '') = %(repo)s
   OR right(regexp_replace(repo, '(\.git)?/*$', ''), length(%(repo)s) + 1) IN ('/' || %(repo)s, ':' || %(repo)s)
ORDER BY repo LIMIT %(limit)s;

-- name: metrics_view
-- What attempts took and came to, by repository and, in the row without one, in all. An attempt that was given back or had to wait
-- was not tried; one succeeded if its result stands published.
SELECT item.repo, count(DISTINCT item.id) AS items,
       count(*) FILTER (WHERE metric.status NOT IN ('given_back', 'waits')) AS attempts,
       count(*) FILTER (WHERE item.status IN ('completed', 'in_review') AND metric.worker_id = item.id || '-' || item.epoch) AS published,
       coalesce(sum(metric.iterations), 0)::bigint AS iterations, coalesce(sum(metric.tokens_used), 0)::bigint AS tokens,
       coalesce(sum(metric.duration_seconds), 0)::float8 AS seconds, coalesce(sum(metric.files_changed), 0)::bigint AS files_changed
FROM worker_metrics AS metric JOIN work_items AS item ON item.id = metric.work_item_id
GROUP BY GROUPING SETS ((item.repo), ()) ORDER BY item.repo NULLS FIRST LIMIT %(limit)s;
