-- name: find_pull_request
-- The open one of a branch; there is at most one.
SELECT number, url, head FROM pull_requests WHERE repo = %(repo)s AND branch = %(branch)s AND state = 'open';

-- name: lock_pull_request_numbers
-- Numbers run per repository: two that open one at a time must not both take the next number.
SELECT pg_advisory_xact_lock(hashtextextended('pull_requests ' || %(repo)s, 0));

-- name: find_or_create_pull_request
-- One per branch, ever; its head is the commit of the accepted attempt. `made` says whether it is new.
INSERT INTO pull_requests (item, number, repo, branch, base_branch, head, title, body, url, state)
SELECT %(item)s, coalesce(max(number), 0) + 1, %(repo)s, %(branch)s, %(base_branch)s, %(head)s, %(title)s, %(body)s, %(url)s, 'open'
FROM pull_requests WHERE repo = %(repo)s
ON CONFLICT (repo, branch) DO UPDATE
SET head = excluded.head, title = excluded.title, body = excluded.body, updated_at = clock_timestamp()
RETURNING number, url, head, xmax = 0 AS made;
