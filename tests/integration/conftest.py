"""What every integration test may ask for."""

from tests.databases import database, databases, dsn, embedded_server, empty_dsn, migrated_template

__all__ = ["database", "databases", "dsn", "embedded_server", "empty_dsn", "migrated_template"]
