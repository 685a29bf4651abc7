-- What was written for an item that waits for its spec, until the queue has it: a model's answer costs money, and a process may end
-- right behind it.
CREATE TABLE spec_drafts (
    item       text PRIMARY KEY REFERENCES work_items (id),
    since      bigint NOT NULL,
    draft      jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
