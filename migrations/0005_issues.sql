-- How often an item went back to an agent because of its pull request.
ALTER TABLE work_items ADD COLUMN reworks integer NOT NULL DEFAULT 0;

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
    updated_at     timestamptz NOT NULL DEFAULT clock_timestamp()
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
