"""All statements by the names of the queries that they stand for."""

from collections.abc import Mapping
from types import MappingProxyType

from factory.storage.queries import all_queries
from tests.simulation.memory import endings, others, work_items
from tests.simulation.memory.database import Statement


def _gathered() -> dict[str, Statement]:
    found: dict[str, Statement] = {}
    for module in (work_items, endings, others):
        found.update({name: value for name, value in vars(module).items() if name in all_queries() and callable(value)})
    return found


STATEMENTS: Mapping[str, Statement] = MappingProxyType(_gathered())
"""A query without one (those of the feed, the learnings and the server) fails by its name when it is executed."""
