-- Labels that a host must have to work on an item, and those that an issue asks for.
ALTER TABLE work_items ADD COLUMN needs text[] NOT NULL DEFAULT '{}';
ALTER TABLE issues ADD COLUMN needs text[] NOT NULL DEFAULT '{}';
