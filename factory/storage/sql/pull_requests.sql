-- name: find_pull_request
-- That of a branch, in whichever state; there is at most one.
SELECT number, url, head, state FROM pull_requests WHERE repo = %(repo)s AND branch = %(branch)s;

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
RETURNING number, url, head, state, xmax = 0 AS made;

-- name: make_way_for_pull_request
-- A record from before the repository's forge was used has a number of our own, which the forge's takes the place of.
UPDATE pull_requests SET number = (SELECT max(number) FROM pull_requests WHERE repo = %(repo)s) + 1
WHERE repo = %(repo)s AND number = %(number)s AND branch <> %(branch)s;

-- name: record_pull_request
-- The one that a forge has of the branch. `made` says whether it was not known before.
INSERT INTO pull_requests (item, number, repo, branch, base_branch, head, title, body, url, state)
VALUES (%(item)s, %(number)s, %(repo)s, %(branch)s, %(base_branch)s, %(head)s, %(title)s, %(body)s, %(url)s, %(state)s)
ON CONFLICT (repo, branch) DO UPDATE
SET number = excluded.number, url = excluded.url, state = excluded.state, head = excluded.head, title = excluded.title,
    body = excluded.body, look_at = clock_timestamp(), unchanged = 0, updated_at = clock_timestamp()
RETURNING number, url, head, state, xmax = 0 AS made;

-- name: hold_forge
-- No call before this time of the database's clock; never shortened.
INSERT INTO limits AS held (name, value)
VALUES (%(name)s, jsonb_build_object('until', extract(epoch FROM clock_timestamp())::float8 + %(seconds)s))
ON CONFLICT (name) DO UPDATE
SET value = jsonb_build_object('until', greatest((held.value ->> 'until')::float8, (excluded.value ->> 'until')::float8)),
    updated_at = clock_timestamp();

-- name: forge_held_for
SELECT greatest((value ->> 'until')::float8 - extract(epoch FROM clock_timestamp())::float8, 0) AS seconds FROM limits WHERE name = %(name)s;
