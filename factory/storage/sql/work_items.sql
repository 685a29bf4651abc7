-- name: insert_work_item
-- A new item, queued, or parked under its condition. Said twice it is there once; the same source id under another item is a conflict that the caller sees as 0 rows.
INSERT INTO work_items (id, source, source_id, source_url, repo, base_branch, title, spec, engine, files, needs, max_iterations, priority,
                        rank, status, condition, scheduled_at)
VALUES (%(id)s, %(source)s, %(source_id)s, %(source_url)s, %(repo)s, %(base_branch)s, %(title)s, %(spec)s, %(engine)s, %(files)s,
        %(needs)s, %(max_iterations)s, %(priority)s, extract(epoch FROM clock_timestamp()) + %(priority)s * %(ageing)s,
        CASE WHEN %(condition)s::text IS NULL THEN 'queued' ELSE 'parked' END, %(condition)s,
        clock_timestamp() + make_interval(secs => %(delay)s))
ON CONFLICT DO NOTHING RETURNING id;

-- name: claim_work_items
-- The next items in order of rank, each under a new epoch with its lease, its attempt, and the worker that it calls for. That is
-- noted before any process of it exists: what is in neither table nor lease may be removed from a host. `only` limits it to one item.
-- One that needs labels is left alone unless one of `labels`, those of a host each, has them all.
WITH claimed AS (
UPDATE work_items AS item
SET status = 'assigned', epoch = item.epoch + 1, holder = item.id || '-' || (item.epoch + 1),
    lease_until = clock_timestamp() + make_interval(secs => %(lease)s), started_at = coalesce(item.started_at, clock_timestamp()),
    condition = NULL, version = item.version + 1, updated_at = clock_timestamp()
FROM (SELECT id FROM work_items
      WHERE status = 'queued' AND scheduled_at <= clock_timestamp() AND (%(only)s::text IS NULL OR id = %(only)s)
        AND NOT EXISTS (SELECT 1 FROM live_holds AS hold WHERE hold.name = 'hold:' || split_part(work_items.engine, ':', 1))
        AND (needs = '{}' OR EXISTS (SELECT 1 FROM jsonb_array_elements(%(labels)s::jsonb) AS host (labels) WHERE to_jsonb(needs) <@ host.labels))
      ORDER BY rank, id LIMIT %(count)s FOR UPDATE SKIP LOCKED) AS next
WHERE item.id = next.id
RETURNING item.*),
begun AS (INSERT INTO attempts (item, epoch) SELECT id, epoch FROM claimed),
called AS (INSERT INTO workers (id, work_item_id, epoch, status) SELECT holder, id, epoch, 'starting' FROM claimed)
SELECT claimed.*, ARRAY(SELECT data ->> 'text' FROM events WHERE stream = 'item:' || claimed.id AND type = 'WORK_ITEM.NOTED.SUCCESS'
                        ORDER BY seq) AS notes FROM claimed;

-- name: leased_work_items
-- All living leases.
SELECT item.*, attempt.base_commit, attempt.spent_tokens, attempt.spent_micros, attempt.spent_calls, worker.host,
       ARRAY(SELECT data ->> 'text' FROM events WHERE stream = 'item:' || item.id AND type = 'WORK_ITEM.NOTED.SUCCESS' ORDER BY seq) AS notes
FROM work_items AS item LEFT JOIN attempts AS attempt ON attempt.item = item.id AND attempt.epoch = item.epoch
LEFT JOIN workers AS worker ON worker.id = item.holder
WHERE item.status IN ('assigned', 'running') ORDER BY item.rank, item.id;

-- name: unleased_workers
-- Workers that are not known to be gone although their lease is over.
SELECT worker.id, worker.work_item_id, worker.epoch FROM workers AS worker JOIN work_items AS item ON item.id = worker.work_item_id
WHERE worker.status <> 'dead' AND NOT (item.status IN ('assigned', 'running') AND item.epoch = worker.epoch);

-- name: publishing_untroubled
-- Publications under way. One that met trouble may take for ever; it is kept, and goes on whenever it can.
SELECT count(*) AS count FROM outbox WHERE done_at IS NULL AND last_error = '';

-- name: enrolled_keys
-- The public keys of workers whose lease lives.
SELECT worker.id, worker.public_key FROM workers AS worker JOIN work_items AS item ON item.id = worker.work_item_id
WHERE worker.public_key <> '' AND worker.status <> 'dead' AND item.status IN ('assigned', 'running') AND item.epoch = worker.epoch;

-- name: lock_work_items
-- These items as they stand, locked in one order.
SELECT * FROM work_items WHERE id = ANY(%(ids)s) ORDER BY id FOR UPDATE;

-- name: start_work_items
-- The agents have their assignments; `was` tells whose had not been said before. Fenced.
WITH before AS MATERIALIZED (
    SELECT item.id, item.status AS was
    FROM work_items AS item JOIN unnest(%(items)s::text[], %(epochs)s::int[]) AS said (id, epoch) ON item.id = said.id
    WHERE item.status IN ('assigned', 'running') AND item.epoch = said.epoch
    ORDER BY item.id FOR UPDATE OF item),
started AS (
    UPDATE work_items AS item
    SET status = 'running', lease_until = clock_timestamp() + make_interval(secs => %(lease)s), version = item.version + 1,
        updated_at = clock_timestamp()
    FROM before WHERE item.id = before.id
    RETURNING item.id, item.epoch, item.holder, before.was),
busy AS (UPDATE workers AS worker SET status = 'busy' FROM started WHERE worker.id = started.holder AND worker.status = 'starting')
SELECT id, epoch, was FROM started;

-- name: renew_leases
-- A batch of signs of life in one statement. Fenced: a lease that is not the current one is not renewed and does not come back.
UPDATE work_items AS item SET lease_until = clock_timestamp() + make_interval(secs => %(lease)s)
FROM unnest(%(items)s::text[], %(epochs)s::int[]) AS beat (id, number)
WHERE item.id = beat.id AND item.status IN ('assigned', 'running') AND item.epoch = beat.number
RETURNING item.id, item.epoch;

-- name: note_beats
-- What the workers say of themselves. Labels only: no decision reads them.
UPDATE workers AS worker
SET last_heartbeat = clock_timestamp(), phase = beat.phase, current_iteration = beat.iteration, total_tokens = beat.tokens,
    progress_at = CASE WHEN worker.progress <> beat.progress THEN clock_timestamp() ELSE worker.progress_at END, progress = beat.progress,
    cpu = beat.cpu, memory = beat.memory, memory_limit = beat.memory_limit, pids = beat.pids
FROM unnest(%(ids)s::text[], %(phases)s::text[], %(iterations)s::int[], %(progresses)s::bigint[], %(tokens)s::bigint[],
            %(cpu)s::float8[], %(memory)s::bigint[], %(memory_limit)s::bigint[], %(pids)s::int[])
     AS beat (id, phase, iteration, progress, tokens, cpu, memory, memory_limit, pids)
WHERE worker.id = beat.id AND worker.status <> 'dead';

-- name: end_lease
-- The attempt is over without a result. Fenced.
UPDATE work_items
SET status = %(status)s, attempts = %(attempts)s, setbacks = %(setbacks)s, holder = NULL, lease_until = NULL, condition = %(condition)s,
    reason = %(reason)s, evidence = %(evidence)s, scheduled_at = clock_timestamp() + make_interval(secs => %(delay)s),
    completed_at = CASE WHEN %(terminal)s THEN clock_timestamp() END, version = version + 1, updated_at = clock_timestamp()
WHERE id = %(item)s AND status IN ('assigned', 'running') AND epoch = %(epoch)s
RETURNING id;

-- name: accept_results
-- Attempts that are over with a result, all of whose events are stored: what the results come to, and the publications that they
-- call for. Fenced.
WITH said AS MATERIALIZED (
    SELECT * FROM jsonb_to_recordset(%(said)s)
        AS said (item text, epoch integer, worker text, stream text, iterations integer, tokens bigint, last_event integer,
                 commits integer, files_changed integer, base_commit text, head_commit text, payload jsonb)),
taken AS (
    UPDATE work_items AS item
    SET status = 'publishing', holder = NULL, lease_until = NULL, reason = '', version = item.version + 1,
        updated_at = clock_timestamp()
    FROM said
    WHERE item.id = said.item AND item.status = 'running' AND item.epoch = said.epoch
      AND said.last_event = (SELECT count(*) FROM events AS event
                             WHERE event.stream = said.stream AND event.epoch = said.epoch AND event.number BETWEEN 1 AND said.last_event)
    RETURNING item.id, item.epoch),
ended AS (
    UPDATE attempts AS attempt
    SET outcome = 'done', burnt = false, reason = '', evidence = '', iterations = greatest(attempt.iterations, said.iterations),
        tokens = greatest(attempt.tokens, said.tokens), commits = said.commits, files_changed = said.files_changed,
        base_commit = said.base_commit, head_commit = said.head_commit, ended_at = coalesce(attempt.ended_at, clock_timestamp())
    FROM said JOIN taken ON taken.id = said.item AND taken.epoch = said.epoch
    WHERE attempt.item = said.item AND attempt.epoch = said.epoch
    RETURNING said.worker, attempt.*),
measured AS (
    INSERT INTO worker_metrics (worker_id, work_item_id, iterations, tokens_used, duration_seconds, files_changed, status)
    SELECT worker, item, iterations, tokens, extract(epoch FROM clock_timestamp() - started_at), files_changed, outcome FROM ended
    ON CONFLICT (worker_id) DO NOTHING),
called AS (
    INSERT INTO outbox (item, epoch, kind, payload)
    SELECT said.item, said.epoch, 'publish', said.payload FROM said JOIN taken ON taken.id = said.item AND taken.epoch = said.epoch
    ON CONFLICT (item, epoch, kind) DO UPDATE SET done_at = NULL, not_before = clock_timestamp())
SELECT id, epoch FROM taken;

-- name: end_attempt
-- How the attempt went.
UPDATE attempts
SET outcome = %(outcome)s, burnt = %(burnt)s, reason = %(reason)s, evidence = %(evidence)s, iterations = greatest(iterations, %(iterations)s),
    tokens = greatest(tokens, %(tokens)s), commits = %(commits)s, files_changed = %(files_changed)s, base_commit = coalesce(%(base_commit)s, base_commit),
    head_commit = %(head_commit)s, ended_at = coalesce(ended_at, clock_timestamp())
WHERE item = %(item)s AND epoch = %(epoch)s;

-- name: note_iteration
-- Iterations as they are reported.
UPDATE attempts SET iterations = greatest(iterations, %(iteration)s) WHERE item = %(item)s AND epoch = %(epoch)s;

-- name: insert_metrics
-- One row an attempt.
INSERT INTO worker_metrics (worker_id, work_item_id, iterations, tokens_used, duration_seconds, files_changed, status)
SELECT %(worker)s, item, iterations, tokens, extract(epoch FROM clock_timestamp() - started_at), files_changed, %(outcome)s
FROM attempts WHERE item = %(item)s AND epoch = %(epoch)s
ON CONFLICT (worker_id) DO NOTHING;

-- name: finish_outbox
-- The publication is over, one way or the other.
UPDATE outbox SET done_at = coalesce(done_at, clock_timestamp()) WHERE item = %(item)s AND epoch = %(epoch)s;

-- name: publish_work_item
-- The pull request is there. Fenced.
UPDATE work_items
SET status = %(status)s, pr_url = %(url)s, reason = '', condition = NULL, version = version + 1, updated_at = clock_timestamp(),
    completed_at = CASE WHEN %(status)s = 'completed' THEN clock_timestamp() END
WHERE id = %(item)s AND status = 'publishing' AND epoch = %(epoch)s
RETURNING id;

-- name: reject_result
-- The result is no good. Fenced.
UPDATE work_items
SET status = %(status)s, attempts = %(attempts)s, setbacks = %(setbacks)s, condition = %(condition)s, reason = %(reason)s,
    evidence = %(evidence)s, scheduled_at = clock_timestamp() + make_interval(secs => %(delay)s),
    completed_at = CASE WHEN %(terminal)s THEN clock_timestamp() END, version = version + 1, updated_at = clock_timestamp()
WHERE id = %(item)s AND status = 'publishing' AND epoch = %(epoch)s
RETURNING id;

-- name: steer_work_item
-- An operator's word. The epoch is the one that the decision was made on.
UPDATE work_items
SET status = %(status)s, attempts = %(attempts)s, setbacks = %(setbacks)s, holder = NULL, lease_until = NULL, condition = %(condition)s,
    reason = %(reason)s, scheduled_at = clock_timestamp(), approved_digest = coalesce(%(approved)s, approved_digest),
    completed_at = CASE WHEN %(terminal)s THEN clock_timestamp() END, version = version + 1, updated_at = clock_timestamp()
WHERE id = %(item)s AND epoch = %(epoch)s AND version = %(version)s
RETURNING id;

-- name: prioritise_work_item
-- A new place in the order; the age counts as before.
UPDATE work_items
SET priority = %(priority)s, rank = rank + (%(priority)s::integer - priority) * %(ageing)s, version = version + 1,
    updated_at = clock_timestamp()
WHERE id = %(item)s AND epoch = %(epoch)s AND version = %(version)s
RETURNING id;

-- name: reopen_outbox
-- The publication that an approval lets go on.
UPDATE outbox SET done_at = NULL, not_before = clock_timestamp() WHERE item = %(item)s AND epoch = %(epoch)s RETURNING item;

-- name: expired_work_items
-- Leases past their end and grace.
SELECT * FROM work_items
WHERE status IN ('assigned', 'running') AND lease_until + make_interval(secs => %(grace)s) < clock_timestamp()
ORDER BY id FOR UPDATE;

-- name: unpark_work_items
-- Parked items whose condition holds now: their files are free, or the time that a limit asked for is over.
UPDATE work_items AS item SET status = 'queued', condition = NULL, scheduled_at = clock_timestamp(), version = version + 1,
       updated_at = clock_timestamp()
WHERE item.status = 'parked'
  AND CASE WHEN item.condition LIKE 'locks:%%'
           THEN NOT EXISTS (SELECT 1 FROM file_locks AS lock
                            WHERE lock.repo = item.repo AND lock.file_path = ANY(item.files) AND lock.item <> item.id)
           WHEN item.condition = 'spec' THEN false
           WHEN item.condition LIKE 'hold:%%'
           THEN NOT EXISTS (SELECT 1 FROM live_holds AS hold WHERE hold.name = item.condition)
           ELSE item.scheduled_at <= clock_timestamp() END
RETURNING item.id;

-- name: hold_engine
-- No item of this engine is claimed until the time is over, or without a time until a person lifts it. The longer hold stands.
INSERT INTO limits AS held (name, value)
VALUES (%(name)s, jsonb_build_object('kind', %(kind)s::text, 'reason', %(reason)s::text,
                                     'until', extract(epoch FROM clock_timestamp()) + %(seconds)s::float8))
ON CONFLICT (name) DO UPDATE SET value = excluded.value, updated_at = clock_timestamp()
WHERE coalesce((held.value ->> 'until')::float8, 'infinity') <= coalesce((excluded.value ->> 'until')::float8, 'infinity');

-- name: worker_starting
-- A process of this worker is about to be made. Fenced by the lease.
UPDATE workers AS worker SET public_key = %(public_key)s, host = %(host)s, isolation = %(isolation)s, status = 'starting'
FROM work_items AS item
WHERE worker.id = %(worker)s AND item.id = worker.work_item_id AND item.status IN ('assigned', 'running') AND item.epoch = %(epoch)s
RETURNING worker.id;

-- name: note_base
-- Where the attempt's branch starts: an actor that adopts the worker must know it, the remote may have moved on.
UPDATE attempts SET base_commit = %(base_commit)s WHERE item = %(item)s AND epoch = %(epoch)s;

-- name: worker_gone
-- No process of it is left.
UPDATE workers SET status = 'dead', reason = %(reason)s, ended_at = coalesce(ended_at, clock_timestamp())
WHERE id = %(worker)s AND status <> 'dead'
RETURNING id;

-- name: notes_of_item
-- What operators want the agent to read, oldest first.
SELECT data ->> 'text' AS text FROM events WHERE stream = 'item:' || %(item)s AND type = 'WORK_ITEM.NOTED.SUCCESS' ORDER BY seq;

-- name: known_command
-- The answer that a command got when it was said before.
SELECT reply FROM commands WHERE id = %(id)s;

-- name: note_command
INSERT INTO commands (id, reply) VALUES (%(id)s, %(reply)s) ON CONFLICT (id) DO NOTHING;

-- name: forget_commands
-- A command said again after a day is a new one.
DELETE FROM commands WHERE at < clock_timestamp() - interval '1 day';

-- name: attempt_outcome
-- How an attempt was said to have ended.
SELECT outcome, base_commit, head_commit FROM attempts WHERE item = %(item)s AND epoch = %(epoch)s;

-- name: reject_attempt
-- A result that was taken and then found wanting; its commits stay on record, since an approval is for exactly them.
UPDATE attempts SET outcome = %(outcome)s, burnt = %(burnt)s, reason = %(reason)s, evidence = %(evidence)s,
       ended_at = coalesce(ended_at, clock_timestamp())
WHERE item = %(item)s AND epoch = %(epoch)s;

-- name: shift_times
-- The server's clock was set back, by this negative number of seconds: leases end, items and publications start, and holds are lifted as
-- long from now as before. Ranks are times too: what was submitted before the step would stand behind all that comes after it.
WITH items AS (
    UPDATE work_items SET scheduled_at = scheduled_at + make_interval(secs => %(seconds)s),
           lease_until = lease_until + make_interval(secs => %(seconds)s), rank = rank + %(seconds)s, updated_at = clock_timestamp()
    WHERE status NOT IN ('completed', 'failed', 'cancelled')),
publications AS (UPDATE outbox SET not_before = not_before + make_interval(secs => %(seconds)s) WHERE done_at IS NULL),
looks AS (UPDATE pull_requests SET look_at = look_at + make_interval(secs => %(seconds)s) WHERE state = 'open'),
signs AS (UPDATE issues SET not_before = not_before + make_interval(secs => %(seconds)s) WHERE not_before > clock_timestamp())
UPDATE limits SET value = jsonb_set(value, '{until}', to_jsonb((value ->> 'until')::float8 + %(seconds)s))
WHERE jsonb_typeof(value -> 'until') = 'number';

-- name: marked_time
-- What this clock said when it was last written down. Locked until another mark is there, which else might hide one that was raised meanwhile.
SELECT (value ->> 'seconds')::float8 AS seconds FROM limits WHERE name = 'clock' FOR UPDATE;

-- name: mark_time
INSERT INTO limits (name, value) VALUES ('clock', jsonb_build_object('seconds', %(seconds)s::float8))
ON CONFLICT (name) DO UPDATE SET value = excluded.value, updated_at = clock_timestamp();

-- name: raise_mark
-- First in each transaction in which others than the queue write a time that is to come. Where this clock ran ahead when they reckoned it
-- and was set back before the queue looks, nothing else shows that. `updated_at` stays: it says when the queue wrote last.
UPDATE limits SET value = jsonb_build_object('seconds', extract(epoch FROM clock_timestamp())::float8)
WHERE name = 'clock' AND (value ->> 'seconds')::float8 < extract(epoch FROM clock_timestamp());

-- name: store_time
-- The clock that leases are compared with, in seconds since 1970.
SELECT extract(epoch FROM clock_timestamp())::float8 AS seconds;

-- name: note_spending
-- What an attempt has used of its model as the way out counts it, also after its end; `new` are the hosts that were not known yet.
-- No more hosts are kept of it than `most_blocked`: a hostile machine could say ever new ones.
-- The row is locked before it is read, so that two words at once tell of each host once.
WITH known AS (SELECT item, epoch, blocked_hosts FROM attempts WHERE item = %(item)s AND epoch = %(epoch)s FOR UPDATE),
fresh AS (
    SELECT (ARRAY(SELECT host FROM unnest(%(blocked)s::text[]) AS host WHERE host <> ALL (known.blocked_hosts)))
           [1 : %(most_blocked)s::int - cardinality(known.blocked_hosts)] AS hosts
    FROM known)
UPDATE attempts AS attempt
SET spent_tokens = greatest(attempt.spent_tokens, %(tokens)s), spent_micros = greatest(attempt.spent_micros, %(micros)s),
    spent_calls = greatest(attempt.spent_calls, %(calls)s), blocked_hosts = attempt.blocked_hosts || fresh.hosts
FROM fresh WHERE attempt.item = %(item)s AND attempt.epoch = %(epoch)s
RETURNING fresh.hosts AS new;
