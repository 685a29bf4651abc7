-- Statements about which factory works on a database.

-- name: try_own
-- Held by the session that asks, until it ends.
SELECT pg_try_advisory_lock(%(key)s) AS owned;

-- name: owner
-- The session that holds it.
SELECT activity.application_name AS name, coalesce(host(activity.client_addr), '') AS address
FROM pg_locks AS lock JOIN pg_stat_activity AS activity ON activity.pid = lock.pid
WHERE lock.locktype = 'advisory' AND lock.granted AND lock.objsubid = 1 AND lock.database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND lock.classid = (%(key)s::bigint >> 32)::oid AND lock.objid = (%(key)s::bigint & 4294967295)::oid;
