"""Death in the middle of an issue's way: which calls there are on it, and who is killed at one of them."""

import logging
import os
import signal
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Literal

import psutil

from factory.standin.client import Trouble
from factory.standin.failures import Failure
from tests.issue_way import Scene
from tests.waiting import eventually

log = logging.getLogger(__name__)

Moment = Literal["before", "after"]
"""Of a call that is made: nothing of it is done yet, or all of it and nobody heard the answer."""

_HELD_SECONDS = 60.0
"""For which the answer is kept back: longer than it takes to see that, shorter than a test."""
_GONE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Point:
    """A call on the way: the nth of its route, counted from 0, people's own included."""

    route: str
    nth: int
    moment: Moment = "before"

    def __str__(self) -> str:
        return f"{self.moment} {self.route} {self.nth}"


_READS = {
    "GET issues": 3, "GET timeline": 1, "GET permission": 1, "GET repo": 4, "GET pulls": 4, "GET pull": 2, "GET check-runs": 1,
    "GET status": 1, "GET reviews": 1, "GET refs for git-upload-pack": 3, "POST git-upload-pack": 3, "GET refs for git-receive-pack": 3,
}  # fmt: skip
"""Route → how many of its first calls are points. More of them follow where something is looked at again and again."""
_WRITES = {
    "POST issue labels": 2, "DELETE issue label": 2, "POST comments": 2, "POST git-receive-pack": 2, "POST pulls": 1, "PATCH pull": 1,
}  # fmt: skip
_PEOPLES = {"POST issues": 1, "POST issue labels": 1, "POST check-runs": 2, "POST reviews": 1, "PUT merge": 1}

_AFTER_A_DEATH = ("GET comments", "GET issue labels")
"""Called only by those who find something begun: whether a comment was written, which labels there are."""
_AFTER_A_LABEL = ("POST graphql",)
"""Called only where the issue is seen to be changed in a later second than its label."""
ROUTES = frozenset({*_READS, *_WRITES, *_PEOPLES, *_AFTER_A_DEATH, *_AFTER_A_LABEL})
"""All that are called on the way."""

BEFORE = tuple(Point(route, nth + _PEOPLES.get(route, 0)) for route, most in (_READS | _WRITES).items() for nth in range(most))
"""Between every two calls."""
AFTER = tuple(replace(point, moment="after") for point in BEFORE if point.route in _WRITES)
"""Between each call that changes something and its answer."""


@dataclass(slots=True)
class Death:
    """Kills these actors, or everything where none is named, once the call at the point is held up. It comes once."""

    point: Point
    actors: tuple[str, ...] = ("intake", "delivery")
    came: bool = False

    @property
    def rule(self) -> Trouble:
        failure = Failure.TIMEOUT_BEFORE if self.point.moment == "before" else Failure.TIMEOUT_AFTER
        return (self.point.route, failure, 1, _HELD_SECONDS, self.point.nth)

    def look(self, way: Scene, lines: Sequence[Mapping[str, object]]) -> None:
        """`lines`: of the ledger, since it may come."""
        if not self.came and any(self._is_held(line) for line in lines):
            self.came = True
            self._kill(way)

    def _is_held(self, line: Mapping[str, object]) -> bool:
        if self.point.moment == "before":
            return (line["what"], line.get("route"), line.get("failure")) == ("failure", self.point.route, Failure.TIMEOUT_BEFORE)
        # Told when it was carried out, and without a status, since there is none that anybody hears of.
        return (line["what"], line.get("route"), line.get("status")) == ("answer", self.point.route, 0)

    def _kill(self, way: Scene) -> None:
        everyone = way.factory.pids()
        pids = [everyone[name] for name in self.actors or everyone]
        if self.actors:
            for pid in pids:
                os.kill(pid, signal.SIGKILL)
        else:
            way.factory.clean_up()
        eventually(lambda: not any(_lives(pid) for pid in pids), _GONE_SECONDS, f"{pids} are gone")
        log.warning("%s: SIGKILL %s, %s: gone", self.point, ", ".join(self.actors) or "everything", pids)
        if not self.actors:
            way.factory.up()


def _lives(pid: int) -> bool:
    with suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    return False


def walk(way: Scene, *deaths: Death) -> None:
    """The whole way of an issue, with deaths at calls of different routes. Fails where there is anything twice, or anything else."""
    way.standin.fails(*(death.rule for death in deaths))
    began, earlier = len(way.standin.ledger()), [row["id"] for row in way.rows("work_items")]

    def meanwhile() -> None:
        lines = way.standin.ledger()[began:]
        for death in deaths:
            death.look(way, lines)

    way.meanwhile = meanwhile
    issue = way.open_issue()
    item = way.item(issue)
    first = way.in_review(item)
    way.fail_check(first)
    second = way.in_review(item, first)
    way.merge(item)
    way.done(issue, item)
    # The last one may come at the very last call; whoever begins anew finds nothing to be done a second time.
    way.until(lambda: all(death.came for death in deaths), f"there were the calls {[str(death.point) for death in deaths]}")
    way.done(issue, item)

    way.check(issue, item, first, second)
    way.check_refs(item, *earlier)
    assert {entry["route"] for entry in way.standin.ledger("call")} - ROUTES == set(), "each route that is called has its points"
