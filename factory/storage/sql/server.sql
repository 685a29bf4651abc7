-- Statements about the server, the session and the migrations; none touches a table of the domain.

-- name: listen
-- Subscribe this session to a channel; the name is put in as a quoted identifier.
LISTEN {channel}

-- name: vector_versions
-- Which pgvector the server could create here and which one this database has; null where none.
SELECT
    (SELECT default_version FROM pg_available_extensions WHERE name = 'vector') AS available,
    (SELECT extversion FROM pg_extension WHERE extname = 'vector') AS installed

-- name: create_extension
-- A statement of its own, since drivers look the new types up in a later session; the name is a quoted identifier.
CREATE EXTENSION IF NOT EXISTS {extension}

-- name: lock_migrations
-- Held by the session, so the server gives it back when the one who migrates is killed.
SELECT pg_advisory_lock(%(key)s)

-- name: create_migrations_table
-- The only table that is not made by a migration.
CREATE TABLE IF NOT EXISTS schema_migrations (
    version integer PRIMARY KEY,
    name text NOT NULL,
    checksum text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT clock_timestamp()
)

-- name: applied_migrations
-- What this database has been through, oldest first.
SELECT version, name, checksum FROM schema_migrations ORDER BY version

-- name: record_migration
-- In the transaction of the migration itself: both are there or neither is.
INSERT INTO schema_migrations (version, name, checksum) VALUES (%(version)s, %(name)s, %(checksum)s)

-- name: server_state
-- What can be told before anything is written: version, clock in seconds since 1970, whether it takes writes, and whether it was ever ours.
SELECT split_part(current_setting('server_version'), ' ', 1) AS version,
    extract(epoch FROM clock_timestamp())::float8 AS clock,
    pg_is_in_recovery() OR current_setting('transaction_read_only')::bool AS read_only,
    to_regclass('schema_migrations') IS NOT NULL AS migrated
