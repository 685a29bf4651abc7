"""Looks at a factory from outside that more than one scenario takes: its tree from the root itself, its use of the processor."""

import time
from contextlib import suppress
from functools import partial
from typing import Any

import psutil

from factory.cli.processes import supervisors_tree
from factory.errors import FactoryUnreachable
from tests.faults.driver import Trial
from tests.faults.grounds import Site
from tests.faults.test_hub import heard_since
from tests.real_factory import RealFactory
from tests.waiting import eventually

_OF_AN_ITEM = {"outbox": "item", "attempts": "item", "file_locks": "item", "workers": "work_item_id", "work_items": "id"}
"""Table → column; those that refer to others first."""


def forget(factory: RealFactory, item: str) -> None:
    """Removes all rows of an item: what was made for it is named by none any more."""
    with factory.database() as database, database.transaction() as cursor:
        for table, column in _OF_AN_ITEM.items():
            cursor.execute(f"DELETE FROM {table} WHERE {column} = %s".encode(), [item])  # noqa: S608 - our own names


def tree(site: Site) -> dict[str, dict[str, Any]]:
    """Name → node, as the supervisor itself says: also while the journal is not there. Empty while it does not answer."""
    with suppress(FactoryUnreachable):
        return {node["name"]: node for node in supervisors_tree(site.paths)["tree"]}
    return {}


def node(site: Site, name: str) -> dict[str, Any]:
    return tree(site)[name]


def processor_seconds(site: Site) -> float:
    """What the root and all below it have used so far, of processes that have ended too."""
    assert site.root is not None
    used = 0.0
    root = psutil.Process(site.root.pid)
    for process in (root, *root.children(recursive=True)):
        with suppress(psutil.Error):
            used += sum(process.cpu_times()[:4])
    return used


def heard_again(trial: Trial, *items: str, seconds: float = 30.0) -> None:
    """Waits for a beat of each one's worker that is younger than this moment, the same for all, or for its end."""
    moment = time.monotonic()
    for item in items:
        eventually(partial(_is_heard_or_over, trial, item, moment), seconds, f"{item} is heard")


def _is_heard_or_over(trial: Trial, item: str, moment: float) -> bool:
    return heard_since(trial, item, moment) or trial.site.item(item)["completed_at"] is not None
