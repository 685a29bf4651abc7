"""Files that attempts hold, until when, and who waits for them. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tui.columns import Cell, Column, said, show_age
from tui.lock_waits import cycles, waiters, waiting_for
from tui.states import Patience, since
from tui.tables import priority, repo_name, waited
from tui.world import Seen, World

_LEASE_BEATS = 2
"""A lease lasts four heartbeats, and patience with a beat ends at two."""


@dataclass(frozen=True, slots=True)
class Held:
    """A lock. `lease` is its worker's row, None where the worker has ended and its result is on its way."""

    seen: Seen
    lease: Seen | None
    waiters: Sequence[Seen]


def held(world: World) -> list[Held]:
    """All locks: those that somebody waits for first, then by repository and file."""
    found = waiters(world)
    locks = [Held(seen, _lease(world, seen), waiting_for(seen.row, found)) for seen in world.locks.values()]
    return sorted(locks, key=lambda lock: (not lock.waiters, str(lock.seen.row.get("repo")), str(lock.seen.row.get("file_path"))))


def _lease(world: World, lock: Seen) -> Seen | None:
    worker = world.workers.get(str(lock.row.get("worker_id")))
    return worker if worker is not None and worker.row.get("status") != "killing" else None


class Locks:
    """Entries are `Held`."""

    def __init__(self, patience: Patience) -> None:
        self._patience = patience
        self.columns: tuple[Column[Held], ...] = (
            Column("LOCK", 0, lambda lock, _: said(lock.seen.row.get("file_path"))),
            Column("REPO", 12, lambda lock, _: said(repo_name(lock.seen.row.get("repo"))), least=90),
            Column("HOLDER", 13, lambda lock, _: said(lock.seen.row.get("worker_id"))),
            Column("ITEM", 10, lambda lock, _: said(lock.seen.row.get("item")), least=70),
            Column("FENCE", 5, lambda lock, _: said(lock.seen.row.get("epoch")), least=80, right=True),
            Column("HELD", 4, lambda lock, now: Cell(show_age(lock.seen.age("age", now))), 50, right=True, order=_age),
            Column("EXPIRES", 15, self._expires, least=100),
            Column("WAIT", 4, _waiting, right=True, order=lambda lock, _: len(lock.waiters)),
        )

    def _expires(self, lock: Held, now: float) -> Cell:
        beat = since(lock.lease, "beat", now) if lock.lease is not None else None
        if beat is None:
            return Cell("when published" if lock.lease is None else "with its lease", "dim")
        left = _LEASE_BEATS * self._patience.beat - beat
        # A lease is renewed with every beat, so what is left of it says something only where the beats stay away.
        return Cell("with its lease", "dim") if beat <= self._patience.beat else Cell(f"lease {show_age(max(left, 0.0))}", "warn")

    def fields(self, lock: Held) -> Mapping[str, str]:
        """What a query looks at."""
        row = lock.seen.row
        texts = {"file": "file_path", "repo": "repo", "item": "item", "id": "worker_id"}
        return {field: str(row.get(name) or "") for field, name in texts.items()}


def told(lock: Held | None, now: float) -> list[Cell]:
    """The lines below the table: who waits for the lock under the cursor, in the order in which they get it."""
    if lock is None:
        return []
    if not lock.waiters:
        return [Cell("nobody waits for it", "dim")]
    number = len(lock.waiters)
    lines = [said(f"{number} {'waits' if number == 1 else 'wait'} for {lock.seen.row.get('file_path')}, the first gets it first", "head")]
    return [*lines, *(_waiter(place, seen, now) for place, seen in enumerate(lock.waiters, 1))]


def deadlock(world: World) -> Cell | None:
    """The circles of those who wait for each other, where there are any."""
    found = cycles(world)
    return said("DEADLOCK  " + "   ".join(" > ".join(circle) for circle in found), "bad") if found else None


def _waiter(place: int, seen: Seen, now: float) -> Cell:
    row, since = seen.row, show_age(waited(seen, now))
    return said(f"{place}. {priority(row)} {row.get('id')}  waits {since}  {row.get('title')}")


def _waiting(lock: Held, _: float) -> Cell:
    return Cell(str(len(lock.waiters)), "warn") if lock.waiters else Cell("0", "dim")


def _age(lock: Held, now: float) -> float | None:
    return lock.seen.age("age", now)
