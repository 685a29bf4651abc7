-- name: tracked_pull_requests
-- Those whose time it is, and whose item is in review, or was and is not over. Whether the forge has merged one already is the next
-- look's to find out; while the item is published, delivery's. Records of plain remotes are never looked at.
WITH followed AS (
    SELECT id FROM work_items WHERE status = 'in_review'
    UNION
    SELECT item FROM pull_requests WHERE state = 'open' AND looked_at IS NOT NULL)
SELECT pull.item, item.status <> 'in_review' AS only_watched, item.epoch, pull.repo, pull.number, pull.url, pull.base_branch, pull.head, pull.review, pull.shown_digest, pull.unchanged,
       ARRAY(SELECT attempt.head_commit FROM attempts AS attempt
             WHERE attempt.item = pull.item AND attempt.head_commit IS NOT NULL ORDER BY attempt.epoch) AS heads
FROM followed JOIN work_items AS item ON item.id = followed.id JOIN pull_requests AS pull ON pull.item = item.id
WHERE item.status NOT IN ('publishing', 'completed', 'cancelled') AND pull.look_at <= clock_timestamp()
ORDER BY pull.look_at, pull.item LIMIT %(limit)s;

-- name: note_look
-- Shown to people as it is read, so `updated_at` tells of changes only.
UPDATE pull_requests
SET standing = %(standing)s, shown = %(shown)s, unchanged = %(unchanged)s, look_error = '', looked_at = clock_timestamp(),
    look_at = clock_timestamp() + make_interval(secs => %(delay)s), shown_digest = %(digest)s,
    updated_at = CASE WHEN shown_digest = %(digest)s THEN updated_at ELSE clock_timestamp() END
WHERE item = %(item)s;

-- name: note_look_failed
UPDATE pull_requests SET look_error = %(error)s, look_at = clock_timestamp() + make_interval(secs => %(delay)s) WHERE item = %(item)s;

-- name: order_rework
-- One for each head.
UPDATE pull_requests SET rework = %(rework)s, review = greatest(review, %(review)s)
WHERE item = %(item)s AND head = %(head)s AND rework ->> 'head' IS DISTINCT FROM %(head)s;

-- name: rework_order
-- What the attempt of an item is for. Once it is published the pull request is at another head, and the order is carried out.
SELECT pull.branch, pull.rework,
       ARRAY(SELECT attempt.head_commit FROM attempts AS attempt
             WHERE attempt.item = pull.item AND attempt.head_commit IS NOT NULL ORDER BY attempt.epoch) AS heads
FROM pull_requests AS pull WHERE pull.item = %(item)s AND pull.state = 'open' AND pull.rework ->> 'head' = pull.head;

-- name: hint_pull_request
-- Somebody was told that there is something new. The repository may be named by its address or by the last parts of it.
UPDATE pull_requests SET look_at = clock_timestamp(), unchanged = 0
WHERE number = %(number)s
  AND (repo = %(repo)s
       OR right(lower(regexp_replace(repo, '(\.git)?/*$', '')), length(%(repo)s) + 1) IN ('/' || lower(%(repo)s), ':' || lower(%(repo)s)));
