"""What is shown of the mirrors: where they are, how new, and what went wrong last."""

from factory.storage.database import Database
from factory.storage.queries import query

_MAX_ERROR = 1_000
"""Characters of a failure that are kept."""


class MirrorStore:
    """The adapter of `delivery_ports.MirrorNotes`. For one thread, like its database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def refreshed(self, repo: str, path: str) -> None:
        with self._database.transaction() as cursor:
            cursor.execute(query("note_mirror_refreshed"), {"repo": repo, "path": path})

    def failed(self, repo: str, sentence: str) -> None:
        with self._database.transaction() as cursor:
            cursor.execute(query("note_mirror_failed"), {"repo": repo, "error": sentence[:_MAX_ERROR]})
