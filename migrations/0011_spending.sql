-- What attempts use of their model as the way out counts it, money in millionths of a US dollar, and the hosts that they were not let to.
ALTER TABLE attempts
    ADD COLUMN spent_tokens  bigint NOT NULL DEFAULT 0,
    ADD COLUMN spent_micros  bigint NOT NULL DEFAULT 0,
    ADD COLUMN spent_calls   bigint NOT NULL DEFAULT 0,
    ADD COLUMN blocked_hosts text[] NOT NULL DEFAULT '{}';
