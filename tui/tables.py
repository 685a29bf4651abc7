"""The columns of the tables of work items and workers. Pure."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from factory.domain.work_item import Priority
from tui.columns import Cell, Column, said, show_age, show_count
from tui.needs_you import FAILED_SECONDS
from tui.order import attention
from tui.standing import Standing, turn
from tui.states import Patience, Tone, allowed, look, since, worker_state
from tui.world import Row, Seen, World

SHORT = {Priority.CRITICAL: "P0", Priority.HIGH: "P1", Priority.MEDIUM: "P2", Priority.LOW: "P3"}

_TONES: Mapping[str, Tone] = {"P0": "bad", "P1": "warn"}
_LATER = 100
"""Below all that attention gives a place to."""


def repo_name(address: object) -> str:
    """The last word of a repository's address."""
    return str(address or "").rstrip("/").removesuffix(".git").rpartition("/")[2]


def state_cell(word: str, *, plain: bool) -> Cell:
    shown = look(word)
    return said(shown.label(word, plain=plain), shown.tone)


class Queue:
    """Work items. Entries are `Seen` rows of items.

    Args:
        wall: Unix seconds, for holds that end at a time of day.
    """

    def __init__(self, world: World, wall: Callable[[], float] = lambda: 0.0, *, plain: bool = False) -> None:
        self._world, self._wall, self._plain = world, wall, plain
        self._standing: Standing | None = None
        self._lingering: frozenset[tuple[object, object]] = frozenset()
        self._as_of = (-1, 0)
        self.columns: tuple[Column[Seen], ...] = (
            Column("P", 2, lambda seen, _: _priority_cell(seen)),
            Column("TASK", 10, lambda seen, _: said(seen.row.get("id"))),
            Column("STATE", 16, self._state, order=lambda seen, now: attention(self.state(seen, now))),
            Column("REPO", 14, lambda seen, _: said(repo_name(seen.row.get("repo"))), least=80),
            Column("TITLE", 30, lambda seen, _: said(seen.row.get("title")), least=100),
            Column("TRY", 3, lambda seen, _: Cell(str(seen.row.get("attempts") or 0)), least=70, right=True),
            Column("AGE", 4, lambda seen, now: Cell(show_age(seen.age("age", now))), 60, right=True, order=age),
            Column("TOKENS", 6, lambda seen, _: Cell(show_count(seen.row.get("tokens"))), 110, right=True, order=tokens),
            Column("WHY", 0, lambda seen, now: said(self.why(seen, now))),
        )

    def state(self, seen: Seen, now: float) -> str:
        """The item's status; `killing` while a worker of an attempt that is over is still being ended."""
        _ = self._now(now)
        return self._word(seen.row)

    def _word(self, row: Row) -> str:
        status = str(row.get("status") or "")
        return "killing" if status in _MAY_LINGER and (row.get("id"), row.get("epoch")) in self._lingering else status

    def why(self, seen: Seen, now: float) -> str:
        """Why it is not running, or what is done with it."""
        return self._now(now).why(seen)

    def ordered(self, rows: Iterable[Seen], now: float) -> list[Seen]:
        """What needs a person first, then what is worked on, then the queue in the order of its claims, then what is over."""
        _ = self._now(now)
        return sorted(rows, key=lambda seen: (_place(self._word(seen.row), seen, now), *turn(seen)))

    def fields(self, seen: Seen, now: float) -> Mapping[str, str]:
        """What a query looks at."""
        row = seen.row
        return _texts(row, id="id", repo="repo", title="title", engine="engine") | {
            "state": self.state(seen, now), "prio": priority(row).lower(), "item": str(row.get("id") or ""),
        }  # fmt: skip

    def _state(self, seen: Seen, now: float) -> Cell:
        return state_cell(self.state(seen, now), plain=self._plain)

    def _now(self, now: float) -> Standing:
        # Once a second and not once a cell: the whole queue has to be put in order for it.
        as_of = (self._world.version, int(now))
        if self._standing is None or as_of != self._as_of:
            self._standing, self._as_of = Standing(self._world, now, self._wall()), as_of
            self._lingering = frozenset((one.row.get("item"), one.row.get("epoch")) for one in self._world.workers.values())
        return self._standing


_MAY_LINGER = frozenset({"queued", "cancelled", "failed"})


class Workers:
    """Living workers. Entries are `Seen` rows of workers."""

    def __init__(self, world: World, patience: Patience, *, plain: bool = False) -> None:
        self._world, self._patience, self._plain = world, patience, plain
        self.columns: tuple[Column[Seen], ...] = (
            Column("WORKER", 13, lambda seen, _: said(seen.row.get("id"))),
            Column("STATE", 11, self._state, order=lambda seen, now: attention(self.state(seen, now))),
            Column("STEP", 12, lambda seen, _: said(seen.row.get("phase")), least=50),
            Column("BEAT", 5, self._beat, least=40, right=True, order=lambda seen, now: since(seen, "beat", now)),
            Column("PROGRESS", 8, self._progress, least=60, right=True, order=lambda seen, now: since(seen, "progress", now)),
            Column("ITER", 4, lambda seen, _: Cell(str(seen.row.get("iteration") or 0)), least=70, right=True),
            Column("AGE", 4, lambda seen, now: Cell(show_age(seen.age("age", now))), 100, right=True, order=age),
            Column("TOKENS", 6, lambda seen, _: Cell(show_count(seen.row.get("tokens"))), 80, right=True, order=tokens),
            Column("ISOLATION", 10, lambda seen, _: said(seen.row.get("isolation")), least=110),
            Column("HOST", 10, lambda seen, _: said(seen.row.get("host")), least=140),
            Column("REPO", 12, lambda seen, _: said(repo_name(self._item(seen, "repo"))), least=120),
            Column("WHAT", 0, lambda seen, now: said(self.what(seen, now))),
        )

    def state(self, seen: Seen, now: float) -> str:
        return worker_state(seen, self._patience, self._world.known(now))

    def what(self, seen: Seen, now: float) -> str:
        """Why it ends, where it does; else what it works on."""
        ends = self.state(seen, now) in {"killing", "stopping"}
        return (str(seen.row.get("reason") or "") if ends else "") or self._item(seen, "title")

    def fields(self, seen: Seen, now: float) -> Mapping[str, str]:
        """What a query looks at."""
        return _texts(seen.row, id="id", item="item") | {
            "state": self.state(seen, now), "title": self._item(seen, "title"), "repo": self._item(seen, "repo"),
        }  # fmt: skip

    def _state(self, seen: Seen, now: float) -> Cell:
        return state_cell(self.state(seen, now), plain=self._plain)

    def _beat(self, seen: Seen, now: float) -> Cell:
        beat = since(seen, "beat", now)
        return Cell(show_age(beat), "bad" if beat is not None and beat > self._patience.beat else "")

    def _progress(self, seen: Seen, now: float) -> Cell:
        progress = since(seen, "progress", now)
        late = progress is not None and progress > allowed(str(seen.row.get("phase") or ""), self._patience)
        return Cell(show_age(progress), "warn" if late else "")

    def _item(self, seen: Seen, field: str) -> str:
        item = self._world.items.get(str(seen.row.get("item") or ""))
        return str(item.row.get(field) or "") if item else ""


def age(seen: Seen, now: float) -> float | None:
    return seen.age("age", now)


def waited(seen: Seen, now: float) -> float | None:
    """Seconds for which an item has been in its state; since it was made where nobody knows better."""
    return seen.age("since_age" if "since_age" in seen.row else "age", now)


def tokens(seen: Seen, _: float) -> float | None:
    number = seen.row.get("tokens")
    return None if number is None else float(number)


def priority(row: Row) -> str:
    """`P0` to `P3`."""
    try:
        return SHORT[Priority(int(row.get("priority", Priority.MEDIUM)))]
    except ValueError:
        return "P?"


def _priority_cell(seen: Seen) -> Cell:
    word = priority(seen.row)
    return Cell(word, _TONES.get(word, ""))


def _place(state: str, seen: Seen, now: float) -> int:
    """The attention that a state gets; what failed long ago is one of those that are over."""
    old = state == "failed" and (waited(seen, now) or 0.0) > FAILED_SECONDS
    return _LATER if old else attention(state)


def _texts(row: Mapping[str, Any], **names: str) -> dict[str, str]:
    return {field: str(row.get(name) or "") for field, name in names.items()}
