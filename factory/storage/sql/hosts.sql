-- name: enroll_host
-- A token for a name, in the place of one that was not used. A host that is there keeps its key until the token is.
INSERT INTO hosts (name, labels, token_hash, token_until)
VALUES (%(name)s, %(labels)s, %(token_hash)s, clock_timestamp() + make_interval(secs => %(seconds)s))
ON CONFLICT (name) DO UPDATE SET labels = excluded.labels, token_hash = excluded.token_hash, token_until = excluded.token_until,
    token_key = NULL, enrolled_at = clock_timestamp();

-- name: count_other_hosts
SELECT count(*) AS count FROM hosts WHERE name <> %(name)s AND revoked_at IS NULL;

-- name: host_of_token
-- Whose token it is; used up where it was used by another key, or is too old to be used for the first time.
SELECT name, token_key, token_until <= clock_timestamp() AS late FROM hosts WHERE token_hash = %(token_hash)s FOR UPDATE;

-- name: join_host
-- The key that the token was used by is the host's from now on, and whatever it had before is worth nothing.
UPDATE hosts SET token_key = %(key)s, public_key = %(key)s, next_key = NULL, facts = %(facts)s, revoked_at = NULL, draining = false,
    joined_at = clock_timestamp(), expires_at = clock_timestamp() + make_interval(secs => %(seconds)s)
WHERE name = %(name)s;

-- name: host_keys
-- All keys that are good, and for how long.
SELECT name, public_key, next_key, labels, facts, draining,
       extract(epoch FROM expires_at - clock_timestamp())::float8 AS expires_in
FROM hosts WHERE public_key IS NOT NULL AND revoked_at IS NULL AND expires_at > clock_timestamp() ORDER BY name;

-- name: next_host_key
-- The key that follows. Only the one that is in use may name it, and none that is in use already: nobody has proved yet to have it.
UPDATE hosts SET next_key = %(next_key)s
WHERE name = %(name)s AND public_key = %(key)s AND revoked_at IS NULL AND expires_at > clock_timestamp()
    AND NOT EXISTS (SELECT FROM hosts AS other WHERE other.public_key = %(next_key)s)
RETURNING name;

-- name: use_next_host_key
-- It was used: the one before it ends.
UPDATE hosts SET public_key = next_key, next_key = NULL, expires_at = clock_timestamp() + make_interval(secs => %(seconds)s)
WHERE name = %(name)s AND next_key = %(key)s AND revoked_at IS NULL
RETURNING name;

-- name: revoke_host
UPDATE hosts SET revoked_at = coalesce(revoked_at, clock_timestamp()), public_key = NULL, next_key = NULL, token_hash = NULL
WHERE name = %(name)s RETURNING name;

-- name: drain_host
UPDATE hosts SET draining = %(draining)s WHERE name = %(name)s AND revoked_at IS NULL RETURNING name;

-- name: host_seen
-- What they say of themselves, those that were heard.
UPDATE hosts SET seen_at = clock_timestamp(), facts = coalesce(said.facts, hosts.facts)
FROM jsonb_to_recordset(%(seen)s) AS said (name text, facts jsonb) WHERE hosts.name = said.name;

-- name: place_of_worker
-- Where the queue noted that a worker is made, and whether that host still counts.
SELECT worker.host, host.name IS NOT NULL AND host.revoked_at IS NULL AS counts, item.repo, worker.status <> 'dead' AS alive
FROM workers AS worker JOIN work_items AS item ON item.id = worker.work_item_id LEFT JOIN hosts AS host ON host.name = worker.host
WHERE worker.id = %(worker)s;

-- name: list_hosts
-- For people: times in seconds from now.
SELECT host.name, host.labels, host.facts, host.draining,
       extract(epoch FROM clock_timestamp() - host.seen_at)::float8 AS seen_ago,
       extract(epoch FROM host.expires_at - clock_timestamp())::float8 AS expires_in,
       CASE WHEN host.public_key IS NULL AND host.token_hash IS NOT NULL AND host.token_until > clock_timestamp() THEN 'invited'
            WHEN host.revoked_at IS NOT NULL THEN 'revoked'
            WHEN host.public_key IS NULL OR host.expires_at <= clock_timestamp() THEN 'expired'
            WHEN host.draining THEN 'draining' ELSE 'enrolled' END AS status,
       (SELECT count(*) FROM workers AS worker WHERE worker.host = host.name AND worker.status <> 'dead') AS workers
FROM hosts AS host ORDER BY host.name;
