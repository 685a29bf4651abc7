-- name: lease_is_live
-- Whether the lease is the current one; shared, so that it cannot end between this answer and the grant.
SELECT 1 FROM work_items WHERE id = %(item)s AND status IN ('assigned', 'running') AND epoch = %(epoch)s FOR SHARE;

-- name: release_earlier_locks
-- What earlier attempts of the same item held. Safe once `lease_is_live` has proven the epoch; or the item would wait for itself.
DELETE FROM file_locks WHERE item = %(item)s AND epoch < %(epoch)s;

-- name: locks_held
-- Who holds these files.
SELECT file_path, worker_id FROM file_locks WHERE repo = %(repo)s AND file_path = ANY(%(files)s) ORDER BY file_path;

-- name: count_locks
-- How many files a lease holds.
SELECT count(*) AS count FROM file_locks WHERE item = %(item)s AND epoch = %(epoch)s;

-- name: grant_locks
-- Only after `lease_is_live` and `locks_held` in the same transaction.
INSERT INTO file_locks (repo, file_path, item, epoch, worker_id)
SELECT %(repo)s, file, %(item)s, %(epoch)s, %(worker)s FROM unnest(%(files)s::text[]) AS file ORDER BY file
ON CONFLICT (repo, file_path) DO NOTHING;

-- name: release_locks
-- The files named, or all of the lease.
DELETE FROM file_locks WHERE item = %(item)s AND epoch = %(epoch)s AND (%(files)s::text[] IS NULL OR file_path = ANY(%(files)s))
RETURNING repo;

-- name: sweep_locks
-- Locks whose lease is over and whose result is not on its way either.
DELETE FROM file_locks AS lock USING work_items AS item
WHERE item.id = lock.item AND NOT (item.status IN ('assigned', 'running', 'publishing') AND item.epoch = lock.epoch)
RETURNING lock.repo;

-- name: locks_of_others
-- What other items hold in a repository.
SELECT file_path, worker_id FROM file_locks WHERE repo = %(repo)s AND item <> %(item)s ORDER BY file_path;

-- name: lock_of_file
SELECT item, epoch, worker_id FROM file_locks WHERE repo = %(repo)s AND file_path = %(file)s FOR UPDATE;

-- name: take_lock_away
DELETE FROM file_locks WHERE repo = %(repo)s AND file_path = %(file)s;

-- name: all_locks
SELECT repo || ' ' || file_path AS id, repo, file_path, worker_id, item, epoch, extract(epoch FROM clock_timestamp() - acquired_at)::float8 AS age FROM file_locks
ORDER BY repo, file_path LIMIT %(limit)s;
