-- What becomes of pull requests: what was read last, when to look again, and what the next attempt is for.

ALTER TABLE pull_requests
    ADD COLUMN standing text NOT NULL DEFAULT '',
    ADD COLUMN shown jsonb NOT NULL DEFAULT '{}',
    ADD COLUMN shown_digest text NOT NULL DEFAULT '',
    ADD COLUMN unchanged integer NOT NULL DEFAULT 0,
    ADD COLUMN look_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    ADD COLUMN looked_at timestamptz,
    ADD COLUMN look_error text NOT NULL DEFAULT '',
    ADD COLUMN review bigint NOT NULL DEFAULT 0,
    ADD COLUMN rework jsonb;

CREATE INDEX work_items_in_review ON work_items (id) WHERE status = 'in_review';
