-- Each result's learnings are taken once, and each learning of an attempt is kept once, however often a learner starts over.

CREATE TABLE learnings_taken (
    item    text NOT NULL REFERENCES work_items (id),
    epoch   integer NOT NULL,
    kept    integer NOT NULL,
    refused integer NOT NULL,
    at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (item, epoch)
);

-- A worker is an attempt of an item.
CREATE UNIQUE INDEX learnings_once ON learnings (source_worker_id, content);
CREATE INDEX learnings_source ON learnings (source_work_item_id);
