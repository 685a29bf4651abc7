"""Reading single rows."""

from factory.errors import Broken
from factory.storage.database import Cursor, Row


def single(cursor: Cursor) -> Row:
    """The row of a statement that always gives one."""
    row = cursor.fetchone()
    if row is None:
        raise Broken("A statement that always gives a row gave none.")
    return row
