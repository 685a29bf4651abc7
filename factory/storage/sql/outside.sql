-- name: redirect_work_item
-- What an issue or a pull request had to say about an item that has no lease. The version is the one that the decision was made on.
UPDATE work_items
SET status = %(status)s, attempts = %(attempts)s, setbacks = %(setbacks)s, reworks = %(reworks)s, condition = %(condition)s,
    reason = %(reason)s, evidence = %(evidence)s, title = coalesce(%(title)s, title), spec = coalesce(%(spec)s, spec),
    files = coalesce(%(files)s::text[], files), scheduled_at = clock_timestamp(),
    completed_at = CASE WHEN %(terminal)s THEN clock_timestamp() END, version = version + 1, updated_at = clock_timestamp()
WHERE id = %(item)s AND version = %(version)s AND holder IS NULL
RETURNING id;

-- name: close_pull_request
-- The factory's own record follows what the forge said.
UPDATE pull_requests SET state = %(state)s, updated_at = clock_timestamp() WHERE item = %(item)s;
