"""What holds for every test, and what every test may ask for."""

from hypothesis import settings

# Here and nowhere else: a folder that imported them again would have a database server of its own.
from tests.databases import database, databases, dsn, embedded_server, empty_dsn, migrated_template

__all__ = ["database", "databases", "dsn", "embedded_server", "empty_dsn", "migrated_template"]

# No deadline: on a shared core an example may take long without anything being wrong.
settings.register_profile("factory", deadline=None, print_blob=True)
settings.load_profile("factory")
