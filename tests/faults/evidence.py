"""What the checker looks at: the store, the remote's ledger, the machine, an observer. Read from outside, never through the product."""

import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import psutil

from factory.domain.events import NewEvent
from factory.domain.ids import ItemId, branch_of
from tests.faults.grounds import CANARIES, Push, Site
from tests.living_folder import everything_below
from tests.real_factory import git

Rows = Callable[..., list[dict[str, Any]]]

TERMINAL = frozenset({"completed", "failed", "cancelled"})
LEASED = frozenset({"assigned", "running"})


@dataclass(frozen=True)
class Event:
    """An event with what its hash is over."""

    new: NewEvent
    seq: int
    micros: int
    previous: bytes
    hash: bytes


@dataclass(frozen=True)
class Evidence:
    """One site seen through `rows`, which a test of the checker may bind to a transaction of its own.

    Attributes:
        items: those of the scenario, as far as they were accepted.
        caps: the factory's settings that I7 is about.
    """

    site: Site
    items: Sequence[str]
    rows: Rows
    caps: Mapping[str, int] = field(default_factory=lambda: {"attempts": 3, "setbacks": 10, "iterations": 50})
    ledger: Callable[[], list[Push]] | None = None

    def item(self, item: str) -> dict[str, Any] | None:
        found = self.rows("SELECT *, lease_until + interval '1 second' > clock_timestamp() AS leased FROM work_items WHERE id = %s", item)
        return found[0] if found else None

    def known(self) -> list[dict[str, Any]]:
        """The rows of the scenario's items; one that is lost is missing."""
        return [row for item in self.items if (row := self.item(item))]

    def events(self, stream: str) -> list[Event]:
        found = self.rows(
            "SELECT stream, seq, (extract(epoch FROM at) * 1000000)::bigint AS micros, type, tags, metadata, data, epoch, number,"
            " prev_hash, hash FROM events WHERE stream = %s ORDER BY seq", stream,
        )  # fmt: skip
        return [_event(row) for row in found]

    def pushes(self) -> list[Push]:
        return (self.ledger or self.site.git.ledger)()

    def heads(self, repo: str) -> dict[str, str]:
        """Branch → commit of the remote as it is."""
        lines = git(self.site.git.path(repo), "for-each-ref", "--format=%(refname) %(objectname)").splitlines()
        return dict(line.split() for line in lines)

    def branch(self, item: str) -> str:
        return f"refs/heads/{branch_of(ItemId(item))}"

    def canaries(self) -> dict[str, str]:
        return {**CANARIES, "the database's password": self.site.database_password()}

    def logs(self) -> Iterator[tuple[Path, str]]:
        for path in (self.site.folder / "up.log", *everything_below(self.site.paths.logs)):
            with suppress(FileNotFoundError):
                yield path, path.read_text(errors="replace")

    def processes(self) -> list[psutil.Process]:
        """Of the factory: its tree, its server, its workers and what those left behind."""
        outside = self.site.surroundings()
        return [process for process in self.site.processes() if process.pid not in outside]

    def seen_by(self, ledger: Callable[[], list[Push]]) -> "Evidence":
        return replace(self, ledger=ledger)


def _event(row: dict[str, Any]) -> Event:
    new = NewEvent(row["stream"], row["type"], row["data"], row["tags"], row["metadata"], row["epoch"], row["number"])
    return Event(new, row["seq"], row["micros"], bytes(row["prev_hash"]), bytes(row["hash"]))


@contextmanager
def store_of(site: Site) -> Iterator[Rows]:
    """All reads in one transaction that is rolled back: a test of the checker can put something wrong into it that nobody else sees."""
    with site.database() as database, suppress(_RollBack), database.transaction() as cursor:

        def rows(statement: str, *values: object) -> list[dict[str, Any]]:
            done = cursor.execute(statement.encode(), values)
            return done.fetchall() if done.description else []

        yield rows
        raise _RollBack


class _RollBack(Exception):
    """Ends a transaction without an effect."""


def timed(call: Callable[[], object]) -> float:
    """Seconds that the call took."""
    began = time.monotonic()
    call()
    return time.monotonic() - began


def free_bytes(folder: Path) -> int:
    return shutil.disk_usage(folder).free
