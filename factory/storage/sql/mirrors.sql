-- name: note_mirror_refreshed
-- The mirror is as new as this.
INSERT INTO mirrors (repo, path, fetched_at) VALUES (%(repo)s, %(path)s, clock_timestamp())
ON CONFLICT (repo) DO UPDATE SET path = excluded.path, fetched_at = excluded.fetched_at, last_error = '';

-- name: note_mirror_failed
-- Why it could not be brought up to date; the path, once known, stays.
INSERT INTO mirrors (repo, path, last_error) VALUES (%(repo)s, '', %(error)s)
ON CONFLICT (repo) DO UPDATE SET last_error = excluded.last_error;
