"""Named queries from the `.sql` files of this room, loaded once.

A file is a row of entries: `-- name: claim_work_items`, comment lines that describe it, the statement. Parameters are
named, `%(item)s`. What comes before the first name is a comment on the file.
"""

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from types import MappingProxyType
from typing import LiteralString

from factory.errors import Broken

_NAME = re.compile(r"^--\s*name:(?P<name>.*)$", re.MULTILINE)
_GOOD_NAME = re.compile(r"[a-z][a-z0-9_]*")
_LEADING_COMMENTS = re.compile(r"\A(?:[ \t]*(?:--[^\n]*)?(?:\n|\Z))*")


def query(name: str) -> LiteralString:
    """The text of a named query.

    Raises:
        Broken: no file has a query of this name.
    """
    try:
        return all_queries()[name]
    except KeyError:
        raise Broken(f"There is no query named {name!r}.") from None


@cache
def all_queries() -> Mapping[str, LiteralString]:
    """Every query that ships with this room."""
    return load_queries(files("factory.storage") / "sql")


def load_queries(folder: Traversable) -> Mapping[str, LiteralString]:
    """Read all `.sql` files of a folder.

    Raises:
        Broken: a name is used twice or is not a name, a query is empty, or a statement has no name.
    """
    queries: dict[str, LiteralString] = {}
    for file in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if not file.name.endswith(".sql"):
            continue
        for name, body in _entries(file.name, file.read_text(encoding="utf-8")):
            if name in queries:
                raise Broken(f"The query {name!r} in {file.name} has a name that is taken already.")
            queries[name] = body
    return MappingProxyType(queries)


def _entries(file_name: str, text: str) -> list[tuple[str, LiteralString]]:
    preamble, *parts = _NAME.split(text.replace("\r\n", "\n"))
    if _statement(preamble):
        raise Broken(f"{file_name} has a statement before its first name.")
    return [_entry(file_name, name.strip(), body) for name, body in zip(parts[::2], parts[1::2], strict=True)]


def _entry(file_name: str, name: str, body: str) -> tuple[str, LiteralString]:
    if not _GOOD_NAME.fullmatch(name):
        raise Broken(f"{file_name} has a query named {name!r}, which is not a name.")
    statement = _statement(body)
    if not statement:
        raise Broken(f"The query {name!r} in {file_name} is empty.")
    # Read from our own package, never put together from input: as good as written in the source.
    return name, statement


def _statement(body: str) -> str:
    return _LEADING_COMMENTS.sub("", body, count=1).strip()
