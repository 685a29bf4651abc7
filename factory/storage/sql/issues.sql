-- Issues as intake keeps them. Written by intake alone.

-- name: see_issue
-- What a look showed; what was decided is left alone. Times are whole seconds: what is different within one was not looked at yet.
INSERT INTO issues (key, source, source_id, repo, number, item, url, state, seen_title, seen_body, author, labels, is_open, comments, changed_at)
VALUES (%(key)s, %(source)s, %(source_id)s, %(repo)s, %(number)s, %(item)s, %(url)s, 'new', %(title)s, %(body)s, %(author)s, %(labels)s,
        %(is_open)s, %(comments)s, %(changed_at)s)
ON CONFLICT (key) DO UPDATE
SET seen_title = excluded.seen_title, seen_body = excluded.seen_body, labels = excluded.labels, is_open = excluded.is_open,
    comments = excluded.comments, url = excluded.url, changed_at = excluded.changed_at, is_pending = true,
    checked_at = CASE WHEN issues.changed_at = excluded.changed_at THEN 0 ELSE issues.checked_at END,
    not_before = least(issues.not_before, clock_timestamp()), updated_at = clock_timestamp()
-- Lists are copies of different age: what is older than what is known says nothing.
WHERE issues.changed_at <= excluded.changed_at
  AND (issues.changed_at, issues.seen_title, issues.seen_body, issues.labels, issues.is_open, issues.comments) IS DISTINCT FROM
      (excluded.changed_at, excluded.seen_title, excluded.seen_body, excluded.labels, excluded.is_open, excluded.comments);

-- name: change_issue
-- The same for an issue that is known only: lists of changes hold many that nobody asked for.
UPDATE issues
SET seen_title = %(title)s, seen_body = %(body)s, labels = %(labels)s, is_open = %(is_open)s, comments = %(comments)s, url = %(url)s,
    changed_at = %(changed_at)s, is_pending = true, checked_at = CASE WHEN changed_at = %(changed_at)s THEN 0 ELSE checked_at END,
    not_before = least(not_before, clock_timestamp()), updated_at = clock_timestamp()
WHERE key = %(key)s AND changed_at <= %(changed_at)s
  AND (changed_at, seen_title, seen_body, labels, is_open, comments) IS DISTINCT FROM
      (%(changed_at)s, %(title)s, %(body)s, %(labels)s, %(is_open)s, %(comments)s);

-- name: add_issue
-- One that is taken up as it comes.
INSERT INTO issues (key, source, source_id, repo, url, item, state, title, body, raw_title, raw_body, digest, approved_title, approved_body,
                    seen_title, seen_body, author, labels, labelled_by, base_branch, priority, engine, needs, address)
VALUES (%(key)s, %(source)s, %(source_id)s, %(repo)s, %(url)s, %(item)s, %(state)s, %(title)s, %(body)s, %(raw_title)s, %(raw_body)s,
        %(digest)s, %(approved_title)s, %(approved_body)s, %(seen_title)s, %(seen_body)s, %(author)s, %(labels)s, %(labelled_by)s,
        %(base_branch)s, %(priority)s, %(engine)s, %(needs)s, %(address)s)
ON CONFLICT (key) DO NOTHING
RETURNING key;

-- name: issue_state
SELECT state, label_event FROM issues WHERE key = %(key)s FOR UPDATE;

-- name: save_issue
-- What was decided. Of what was seen only the labels, which are changed by the factory itself.
UPDATE issues
SET run = %(run)s, act = %(act)s, item = %(item)s, state = %(state)s, reason = %(reason)s, title = %(title)s, body = %(body)s,
    raw_title = %(raw_title)s, raw_body = %(raw_body)s, digest = %(digest)s, approved_title = %(approved_title)s,
    approved_body = %(approved_body)s, labels = %(labels)s, checked_at = %(checked_at)s, looks = %(looks)s, labelled_by = %(labelled_by)s,
    label_event = %(label_event)s, end_event = %(end_event)s, asked_at = %(asked_at)s, answers = %(answers)s, said_by = %(said_by)s, shown = %(shown)s,
    base_branch = %(base_branch)s, priority = %(priority)s, engine = %(engine)s, needs = %(needs)s, address = %(address)s, tries = 0,
    last_error = '', not_before = clock_timestamp(), updated_at = clock_timestamp()
WHERE key = %(key)s;

-- name: pending_issues
-- Those of which something is to be looked at or done, each with its item and the comments that were begun.
SELECT issue.*, item.status AS item_status, item.condition AS item_condition, item.reason AS item_reason, item.evidence AS item_evidence,
       item.pr_url AS item_pr_url, coalesce(item.version, 0) AS version,
       ARRAY(SELECT kind FROM issue_comments WHERE issue_comments.item = issue.item AND written_at IS NOT NULL) AS said
FROM issues AS issue LEFT JOIN work_items AS item ON item.id = issue.item
WHERE (issue.is_pending OR issue.item_version <> coalesce(item.version, 0)) AND issue.not_before <= clock_timestamp()
ORDER BY issue.not_before, issue.key
LIMIT %(limit)s;

-- name: one_issue
-- The same for one, whether anything is to be done or not.
SELECT issue.*, item.status AS item_status, item.condition AS item_condition, item.reason AS item_reason, item.evidence AS item_evidence,
       item.pr_url AS item_pr_url, coalesce(item.version, 0) AS version,
       ARRAY(SELECT kind FROM issue_comments WHERE issue_comments.item = issue.item AND written_at IS NOT NULL) AS said
FROM issues AS issue LEFT JOIN work_items AS item ON item.id = issue.item
WHERE issue.key = %(key)s;

-- name: put_issue_away
-- As long as neither it nor its item is another than when that was decided.
UPDATE issues SET is_pending = false, item_version = %(version)s
WHERE key = %(key)s AND changed_at = %(changed_at)s;

-- name: put_issue_off
UPDATE issues
SET tries = tries + 1, last_error = %(error)s, not_before = clock_timestamp() + make_interval(secs => %(seconds)s), updated_at = clock_timestamp()
WHERE key = %(key)s;

-- name: begin_issue_comment
-- Gives a row only where it was begun before.
WITH begun AS (INSERT INTO issue_comments (item, kind) VALUES (%(item)s, %(kind)s) ON CONFLICT DO NOTHING RETURNING 1)
SELECT NOT EXISTS (SELECT 1 FROM begun) AS before;

-- name: end_issue_comment
UPDATE issue_comments SET written_at = clock_timestamp() WHERE item = %(item)s AND kind = %(kind)s;

-- name: issue_mark
SELECT asked_tag, since, changed_tag FROM issue_sources WHERE repo = %(repo)s;

-- name: write_issue_mark
INSERT INTO issue_sources (repo, asked_tag, since, changed_tag, looked_at) VALUES (%(repo)s, %(asked)s, %(since)s, %(changed)s, clock_timestamp())
ON CONFLICT (repo) DO UPDATE
SET asked_tag = excluded.asked_tag, since = excluded.since, changed_tag = excluded.changed_tag, looked_at = excluded.looked_at,
    last_error = '', error_since = NULL;

-- name: note_issue_look_failed
INSERT INTO issue_sources (repo, last_error, error_since) VALUES (%(repo)s, %(error)s, clock_timestamp())
ON CONFLICT (repo) DO UPDATE SET last_error = excluded.last_error, error_since = coalesce(issue_sources.error_since, excluded.error_since);

-- name: issues_are_followed
SELECT EXISTS (SELECT 1 FROM issues WHERE repo = %(repo)s AND state NOT IN ('over', 'refused')) AS followed;

-- name: issues_view
-- The latest first; with what became of the item.
SELECT issue.key, issue.item, issue.state, issue.reason, issue.repo, issue.number, issue.url, issue.seen_title AS title, issue.labelled_by,
       issue.author, issue.labels, issue.last_error, item.status AS item_status, item.reason AS item_reason, item.pr_url,
       extract(epoch FROM clock_timestamp() - issue.created_at)::float8 AS age
FROM issues AS issue LEFT JOIN work_items AS item ON item.id = issue.item
ORDER BY issue.created_at DESC, issue.key
LIMIT %(limit)s;

-- name: issue_sources_view
SELECT repo, last_error, extract(epoch FROM error_since)::float8 AS error_since, extract(epoch FROM looked_at)::float8 AS looked_at
FROM issue_sources ORDER BY repo LIMIT %(limit)s;

-- name: issue_view
-- By its key, its name or its item. Raw texts too.
SELECT issue.key, issue.item, issue.state, issue.reason, issue.repo, issue.number, issue.url, issue.author, issue.labelled_by, issue.labels,
       issue.title, issue.body, issue.raw_title, issue.raw_body, issue.digest, issue.approved_title, issue.approved_body, issue.seen_title,
       issue.seen_body, issue.base_branch, issue.priority, issue.last_error, item.status AS item_status, item.reason AS item_reason, item.pr_url
FROM issues AS issue LEFT JOIN work_items AS item ON item.id = issue.item
WHERE issue.key = %(key)s OR issue.source_id = %(key)s OR issue.item = %(key)s
ORDER BY issue.created_at DESC LIMIT 1;
