-- extension: vector
-- Today's database on one page. A test holds it equal to what the migrations make.

-- One table per stage word. Tables named as the seeds name them: work_items, workers, learnings, worker_metrics, file_locks.

CREATE TABLE work_items (
    id              text PRIMARY KEY,
    source          text NOT NULL,
    source_id       text NOT NULL,
    source_url      text NOT NULL DEFAULT '',
    repo            text NOT NULL,
    base_branch     text NOT NULL,
    title           text NOT NULL,
    spec            text NOT NULL,
    engine          text NOT NULL,
    files           text[] NOT NULL DEFAULT '{}',
    max_iterations  integer NOT NULL DEFAULT 50 CHECK (max_iterations > 0),
    priority        smallint NOT NULL CHECK (priority BETWEEN 0 AND 3),
    rank            double precision NOT NULL,
    status          text NOT NULL CHECK (status IN ('queued', 'assigned', 'running', 'publishing', 'in_review', 'parked',
                        'stuck', 'needs_approval', 'completed', 'failed', 'cancelled')),
    epoch           integer NOT NULL DEFAULT 0,
    attempts        integer NOT NULL DEFAULT 0,
    setbacks        integer NOT NULL DEFAULT 0,
    holder          text,
    lease_until     timestamptz,
    scheduled_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    condition       text,
    reason          text NOT NULL DEFAULT '',
    evidence        text NOT NULL DEFAULT '',
    approved_digest text,
    pr_url          text,
    version         bigint NOT NULL DEFAULT 1,
    created_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    started_at      timestamptz,
    completed_at    timestamptz,
    updated_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    reworks         integer NOT NULL DEFAULT 0,
    -- Labels that a host must have to work on it.
    needs           text[] NOT NULL DEFAULT '{}',
    UNIQUE (source, source_id),
    -- Invariant I1 where a row alone can hold it.
    CHECK ((status IN ('assigned', 'running')) = (holder IS NOT NULL AND lease_until IS NOT NULL)),
    CHECK (status <> 'parked' OR condition IS NOT NULL)
);

-- rank = created_at + priority * ageing, so one plain index serves priority with ageing.
CREATE INDEX work_items_claim ON work_items (rank, id) WHERE status = 'queued';
CREATE INDEX work_items_leased ON work_items (lease_until) WHERE status IN ('assigned', 'running');
CREATE INDEX work_items_parked ON work_items (condition) WHERE status = 'parked';
CREATE INDEX work_items_changed ON work_items (updated_at);
CREATE INDEX work_items_in_review ON work_items (id) WHERE status = 'in_review';

CREATE TABLE attempts (
    item          text NOT NULL REFERENCES work_items (id),
    epoch         integer NOT NULL,
    outcome       text,
    burnt         boolean NOT NULL DEFAULT false,
    reason        text NOT NULL DEFAULT '',
    evidence      text NOT NULL DEFAULT '',
    iterations    integer NOT NULL DEFAULT 0,
    tokens        bigint NOT NULL DEFAULT 0,
    commits       integer NOT NULL DEFAULT 0,
    files_changed integer NOT NULL DEFAULT 0,
    base_commit   text,
    head_commit   text,
    last_event    integer NOT NULL DEFAULT 0,
    started_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    ended_at      timestamptz,
    spent_tokens  bigint NOT NULL DEFAULT 0,
    spent_micros  bigint NOT NULL DEFAULT 0,
    spent_calls   bigint NOT NULL DEFAULT 0,
    blocked_hosts text[] NOT NULL DEFAULT '{}',
    PRIMARY KEY (item, epoch)
);
CREATE INDEX attempts_started ON attempts (started_at);

CREATE TABLE workers (
    id                text PRIMARY KEY,
    container_id      text NOT NULL DEFAULT '',
    work_item_id      text NOT NULL REFERENCES work_items (id),
    epoch             integer NOT NULL,
    host              text NOT NULL DEFAULT '',
    isolation         text NOT NULL DEFAULT '',
    public_key        text NOT NULL DEFAULT '',
    status            text NOT NULL CHECK (status IN ('starting', 'busy', 'stopping', 'dead')),
    phase             text NOT NULL DEFAULT 'starting',
    current_iteration integer NOT NULL DEFAULT 0,
    progress          bigint NOT NULL DEFAULT 0,
    progress_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    total_tokens      bigint NOT NULL DEFAULT 0,
    last_heartbeat    timestamptz,
    reason            text NOT NULL DEFAULT '',
    created_at        timestamptz NOT NULL DEFAULT clock_timestamp(),
    ended_at          timestamptz,
    cpu               double precision,
    memory            bigint,
    memory_limit      bigint,
    pids              integer,
    UNIQUE (work_item_id, epoch)
);
CREATE INDEX workers_alive ON workers (id) WHERE status <> 'dead';

CREATE TABLE learnings (
    id                  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    repo                text NOT NULL,
    content             text NOT NULL,
    embedding           vector(384),
    embedding_model     text,
    active              boolean NOT NULL DEFAULT false,
    source_worker_id    text NOT NULL,
    source_work_item_id text NOT NULL REFERENCES work_items (id),
    use_count           integer NOT NULL DEFAULT 0,
    created_at          timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX learnings_repo ON learnings (repo, id);
-- A worker is an attempt of an item.
CREATE UNIQUE INDEX learnings_once ON learnings (source_worker_id, content);
CREATE INDEX learnings_source ON learnings (source_work_item_id);

-- Results whose learnings were looked at, whether any was kept or not.
CREATE TABLE learnings_taken (
    item    text NOT NULL REFERENCES work_items (id),
    epoch   integer NOT NULL,
    kept    integer NOT NULL,
    refused integer NOT NULL,
    at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (item, epoch)
);

CREATE TABLE worker_metrics (
    worker_id        text PRIMARY KEY,
    work_item_id     text NOT NULL REFERENCES work_items (id),
    iterations       integer NOT NULL,
    tokens_used      bigint NOT NULL,
    duration_seconds double precision NOT NULL,
    files_changed    integer NOT NULL,
    status           text NOT NULL,
    created_at       timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX worker_metrics_created ON worker_metrics (created_at);

CREATE TABLE file_locks (
    repo        text NOT NULL,
    file_path   text NOT NULL,
    item        text NOT NULL,
    epoch       integer NOT NULL,
    worker_id   text NOT NULL,
    acquired_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (repo, file_path)
);
CREATE INDEX file_locks_lease ON file_locks (item, epoch);

CREATE TABLE limits (
    name       text PRIMARY KEY,
    value      jsonb NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE TABLE outbox (
    item       text NOT NULL REFERENCES work_items (id),
    epoch      integer NOT NULL,
    kind       text NOT NULL CHECK (kind IN ('publish')),
    payload    jsonb NOT NULL,
    tries      integer NOT NULL DEFAULT 0,
    not_before timestamptz NOT NULL DEFAULT clock_timestamp(),
    last_error text NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    done_at    timestamptz,
    PRIMARY KEY (item, epoch, kind)
);
CREATE INDEX outbox_open ON outbox (not_before) WHERE done_at IS NULL;

CREATE TABLE pull_requests (
    item        text PRIMARY KEY REFERENCES work_items (id),
    number      integer NOT NULL,
    repo        text NOT NULL,
    branch      text NOT NULL,
    base_branch text NOT NULL,
    head        text NOT NULL,
    title       text NOT NULL,
    body        text NOT NULL,
    url         text NOT NULL,
    state       text NOT NULL CHECK (state IN ('open', 'merged', 'closed')),
    created_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- What was read of it last, when to look again, and what the next attempt on it is for.
    standing     text NOT NULL DEFAULT '',
    shown        jsonb NOT NULL DEFAULT '{}',
    shown_digest text NOT NULL DEFAULT '',
    unchanged    integer NOT NULL DEFAULT 0,
    look_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    looked_at    timestamptz,
    look_error   text NOT NULL DEFAULT '',
    review       bigint NOT NULL DEFAULT 0,
    rework       jsonb,
    UNIQUE (repo, branch),
    UNIQUE (repo, number)
);
CREATE INDEX pull_requests_followed ON pull_requests (item) WHERE state = 'open' AND looked_at IS NOT NULL;

CREATE TABLE mirrors (
    repo       text PRIMARY KEY,
    path       text NOT NULL,
    fetched_at timestamptz,
    last_error text NOT NULL DEFAULT ''
);

-- What GitHub told by itself: each delivery once, whenever and however often it comes.
CREATE TABLE webhook_deliveries (
    id          text PRIMARY KEY,
    event       text NOT NULL,
    action      text NOT NULL DEFAULT '',
    repo        text NOT NULL DEFAULT '',
    number      integer,
    received_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    handled_at  timestamptz
);
CREATE INDEX webhook_deliveries_open ON webhook_deliveries (received_at) WHERE handled_at IS NULL;

-- What was written for an item that waits for its spec, until the queue has it: a model's answer costs money, and a process may end
-- right behind it.
CREATE TABLE spec_drafts (
    item       text PRIMARY KEY REFERENCES work_items (id),
    since      bigint NOT NULL,
    draft      jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- Machines that remote workers run on: one row each, with its key, the token of its join line, and what it said of itself last.
CREATE TABLE hosts (
    name        text PRIMARY KEY,
    labels      text[] NOT NULL DEFAULT '{}',
    facts       jsonb NOT NULL DEFAULT '{}',
    public_key  text UNIQUE,
    next_key    text UNIQUE,
    expires_at  timestamptz,
    token_hash  text UNIQUE,
    token_until timestamptz,
    token_key   text,
    draining    boolean NOT NULL DEFAULT false,
    enrolled_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    joined_at   timestamptz,
    seen_at     timestamptz,
    revoked_at  timestamptz
);

CREATE TABLE commands (
    id     text PRIMARY KEY,
    reply  jsonb NOT NULL,
    at     timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- Issues that were seen with the label that asks, or were dropped into the inbox..
CREATE TABLE issues (
    key            text PRIMARY KEY,
    source         text NOT NULL,
    source_id      text NOT NULL,
    repo           text NOT NULL,
    number         integer NOT NULL DEFAULT 0,
    url            text NOT NULL DEFAULT '',
    run            integer NOT NULL DEFAULT 1,
    act            integer NOT NULL DEFAULT 1,
    item           text NOT NULL DEFAULT '',
    state          text NOT NULL CHECK (state IN ('new', 'accepted', 'retrying', 'cancelling', 'answered', 'reworded', 'refused', 'over')),
    reason         text NOT NULL DEFAULT '',
    -- For the spec: without what the issue hides, and with the answers to questions.
    title          text NOT NULL DEFAULT '',
    body           text NOT NULL DEFAULT '',
    -- As it was frozen, as somebody stood for it, and as it was seen last.
    raw_title      text NOT NULL DEFAULT '',
    raw_body       text NOT NULL DEFAULT '',
    digest         text NOT NULL DEFAULT '',
    approved_title text NOT NULL DEFAULT '',
    approved_body  text NOT NULL DEFAULT '',
    seen_title     text NOT NULL,
    seen_body      text NOT NULL,
    author         text NOT NULL DEFAULT '',
    labels         text[] NOT NULL DEFAULT '{}',
    is_open        boolean NOT NULL DEFAULT true,
    comments       integer NOT NULL DEFAULT 0,
    changed_at     double precision NOT NULL DEFAULT 0,
    checked_at     double precision NOT NULL DEFAULT 0,
    looks          integer NOT NULL DEFAULT 0,
    labelled_by    text NOT NULL DEFAULT '',
    label_event    bigint NOT NULL DEFAULT 0,
    end_event      bigint NOT NULL DEFAULT 0,
    asked_at       double precision,
    answers        text NOT NULL DEFAULT '',
    said_by        text NOT NULL DEFAULT '',
    shown          text NOT NULL DEFAULT '',
    base_branch    text NOT NULL DEFAULT '',
    priority       smallint NOT NULL DEFAULT 2 CHECK (priority BETWEEN 0 AND 3),
    engine         text NOT NULL DEFAULT '',
    address        text NOT NULL DEFAULT '',
    -- Whether something is to be looked at or done, but for a new version of the item, and not before when.
    is_pending     boolean NOT NULL DEFAULT true,
    item_version   bigint NOT NULL DEFAULT 0,
    tries          integer NOT NULL DEFAULT 0,
    not_before     timestamptz NOT NULL DEFAULT clock_timestamp(),
    last_error     text NOT NULL DEFAULT '',
    created_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    needs          text[] NOT NULL DEFAULT '{}'
);
CREATE INDEX issues_item ON issues (item);
CREATE INDEX issues_pending ON issues (not_before) WHERE is_pending;
CREATE INDEX issues_repo ON issues (repo) WHERE state NOT IN ('over', 'refused');

-- Comments on issues: noted before one is written, so that it is looked for where nobody knows whether it was.
CREATE TABLE issue_comments (
    item       text NOT NULL,
    kind       text NOT NULL,
    written_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (item, kind)
);

-- Up to where each repository was read for issues, and what is in the way since when.
CREATE TABLE issue_sources (
    repo        text PRIMARY KEY,
    asked_tag   text NOT NULL DEFAULT '',
    since       double precision NOT NULL DEFAULT 0,
    changed_tag text NOT NULL DEFAULT '',
    looked_at   timestamptz,
    last_error  text NOT NULL DEFAULT '',
    error_since timestamptz
);

-- The audit trail: gapless per stream, each event carrying the hash of the one before.
CREATE TABLE streams (
    stream text PRIMARY KEY,
    seq    bigint NOT NULL,
    hash   bytea NOT NULL
);

CREATE TABLE events (
    stream    text NOT NULL,
    seq       bigint NOT NULL,
    xid       xid8 NOT NULL DEFAULT pg_current_xact_id(),
    at        timestamptz NOT NULL,
    type      text NOT NULL,
    tags      jsonb NOT NULL DEFAULT '{}',
    metadata  jsonb NOT NULL DEFAULT '{}',
    data      jsonb NOT NULL DEFAULT '{}',
    epoch     integer,
    number    integer,
    prev_hash bytea NOT NULL,
    hash      bytea NOT NULL,
    PRIMARY KEY (stream, seq)
);
CREATE UNIQUE INDEX events_agent ON events (stream, epoch, number) WHERE number IS NOT NULL;
CREATE INDEX events_order ON events (xid, stream, seq);
-- Notes of operators to the agent of an item, looked up with each claim.
CREATE INDEX events_notes ON events (stream, seq) WHERE type = 'WORK_ITEM.NOTED.SUCCESS';
-- What happened lately, in all streams: the dashboard's replay.
CREATE INDEX events_at ON events (at, stream, seq);
-- The daily budget is counted from the trail itself, so that no restart forgets what was spent.
CREATE INDEX events_iterations ON events (at) WHERE type = 'ATTEMPT.ITERATION.STARTED';

CREATE FUNCTION events_are_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'events are append-only';
END
$$;
CREATE TRIGGER events_append_only BEFORE UPDATE OR DELETE ON events FOR EACH ROW EXECUTE FUNCTION events_are_append_only();
CREATE TRIGGER events_no_truncate BEFORE TRUNCATE ON events FOR EACH STATEMENT EXECUTE FUNCTION events_are_append_only();

-- Engines that may not be used now: until a time, or without one until a person has paid or logged in.

CREATE VIEW live_holds AS
SELECT name, value ->> 'kind' AS kind, value ->> 'reason' AS reason, (value ->> 'until')::double precision AS until
FROM limits
WHERE name LIKE 'hold:%'
  AND (value ->> 'until' IS NULL OR (value ->> 'until')::double precision > extract(epoch FROM clock_timestamp()));

-- Whose result stands: of an item that is done the one that its pull request ended with, and those that it was built on. Not yet in
-- review, where it may still be closed; not of an attempt that another one began anew after.
CREATE VIEW standing_attempts AS
SELECT attempt.item, attempt.epoch, attempt.item || '-' || attempt.epoch AS worker,
       item.status = 'completed'
       AND (coalesce(pull.head = attempt.head_commit, attempt.epoch = item.epoch)
            OR EXISTS (SELECT FROM attempts AS later
                       WHERE later.item = attempt.item AND later.epoch > attempt.epoch AND later.base_commit = attempt.head_commit)
           ) AS stands
FROM attempts AS attempt JOIN work_items AS item ON item.id = attempt.item LEFT JOIN pull_requests AS pull ON pull.item = item.id;
