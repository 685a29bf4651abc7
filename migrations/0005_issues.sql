-- How often an item went back to an agent because of its pull request.
ALTER TABLE work_items ADD COLUMN reworks integer NOT NULL DEFAULT 0;
