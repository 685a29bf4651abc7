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

CREATE INDEX work_items_in_review ON work_items (id) WHERE status IN ('in_review', 'stuck', 'needs_approval');

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
