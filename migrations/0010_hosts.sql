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
