"""The columns of each table of the feed. Pure."""

from collections.abc import Mapping
from typing import Any

from factory.domain.work_item import Priority
from tui.columns import Cell, Column, said, show_age, show_count
from tui.states import Patience, look, worker_state
from tui.world import Seen, World

SHORT = {Priority.CRITICAL: "P0", Priority.HIGH: "P1", Priority.MEDIUM: "P2", Priority.LOW: "P3"}


def repo_name(address: object) -> str:
    """The last word of a repository's address."""
    return str(address or "").rstrip("/").removesuffix(".git").rpartition("/")[2]


def state_cell(word: str, *, plain: bool) -> Cell:
    shown = look(word)
    return said(shown.label(word, plain=plain), shown.tone)


class Queue:
    """Work items. Entries are `Seen` rows of items."""

    def __init__(self, world: World, *, plain: bool = False) -> None:
        self._world, self._plain = world, plain
        self.columns: tuple[Column[Seen], ...] = (
            Column("P", 2, lambda seen, _: Cell(_priority(seen))),
            Column("TASK", 10, lambda seen, _: said(seen.row.get("id"))),
            Column("STATE", 16, lambda seen, _: state_cell(item_state(seen, self._world), plain=self._plain)),
            Column("REPO", 14, lambda seen, _: said(repo_name(seen.row.get("repo"))), least=80),
            Column("TITLE", 30, lambda seen, _: said(seen.row.get("title")), least=100),
            Column("TRY", 3, lambda seen, _: Cell(str(seen.row.get("attempts") or 0)), least=70, right=True),
            Column("AGE", 4, lambda seen, now: Cell(show_age(seen.age("age", now))), least=60, right=True),
            Column("TOKENS", 6, lambda seen, _: Cell(show_count(seen.row.get("tokens"))), least=110, right=True),
            Column("WHY", 0, lambda seen, _: said(why(seen))),
        )

    def fields(self, seen: Seen) -> Mapping[str, str]:
        """What a query looks at."""
        row = seen.row
        return _texts(row, id="id", repo="repo", title="title", engine="engine") | {
            "state": item_state(seen, self._world), "prio": _priority(seen).lower(), "item": str(row.get("id") or ""),
        }  # fmt: skip


class Workers:
    """Living workers. Entries are `Seen` rows of workers."""

    def __init__(self, world: World, patience: Patience, *, plain: bool = False) -> None:
        self._world, self._patience, self._plain = world, patience, plain
        self.columns: tuple[Column[Seen], ...] = (
            Column("WORKER", 13, lambda seen, _: said(seen.row.get("id"))),
            Column("STATE", 11, lambda seen, now: state_cell(self.state(seen, now), plain=self._plain)),
            Column("STEP", 12, lambda seen, _: said(seen.row.get("phase")), least=50),
            Column("BEAT", 5, lambda seen, now: Cell(show_age(seen.age("beat_age", now))), least=60, right=True),
            Column("PROGRESS", 8, lambda seen, now: Cell(show_age(seen.age("progress_age", now))), least=60, right=True),
            Column("ITER", 4, lambda seen, _: Cell(str(seen.row.get("iteration") or 0)), least=70, right=True),
            Column("AGE", 4, lambda seen, now: Cell(show_age(seen.age("age", now))), least=100, right=True),
            Column("TOKENS", 6, lambda seen, _: Cell(show_count(seen.row.get("tokens"))), least=80, right=True),
            Column("ISOLATION", 10, lambda seen, _: said(seen.row.get("isolation")), least=110),
            Column("TITLE", 0, lambda seen, _: said(self._title(seen))),
        )

    def state(self, seen: Seen, now: float) -> str:
        return worker_state(seen, self._patience, now)

    def fields(self, seen: Seen, now: float) -> Mapping[str, str]:
        item = self._world.items.get(str(seen.row.get("item") or ""))
        return _texts(seen.row, id="id", item="item") | {
            "state": self.state(seen, now), "title": self._title(seen), "repo": str(item.row.get("repo") or "") if item else "",
        }  # fmt: skip

    def _title(self, seen: Seen) -> str:
        item = self._world.items.get(str(seen.row.get("item") or ""))
        return str(item.row.get("title") or "") if item else ""


def item_state(seen: Seen, world: World) -> str:
    """The item's status; `killing` while a worker of an earlier epoch is still being ended."""
    status, epoch = str(seen.row.get("status") or ""), seen.row.get("epoch")
    if status in {"queued", "cancelled", "failed"}:
        mine = (worker for worker in world.workers.values() if worker.row.get("item") == seen.row.get("id"))
        if any(worker.row.get("epoch") == epoch or worker.row.get("status") == "stopping" for worker in mine):
            return "killing"
    return status


def why(seen: Seen) -> str:
    """Why it waits, or why it is where it is."""
    row = seen.row
    if row.get("status") in {"assigned", "running", "publishing"}:
        return ""
    return str(row.get("why") or row.get("reason") or row.get("pr_url") or "")


def _priority(seen: Seen) -> str:
    try:
        return SHORT[Priority(int(seen.row.get("priority", Priority.MEDIUM)))]
    except ValueError:
        return "P?"


def _texts(row: Mapping[str, Any], **names: str) -> dict[str, str]:
    return {field: str(row.get(name) or "") for field, name in names.items()}
