"""The checker: I1 to I10 of DESIGN.md section 6, each with the time within which it must hold after a fault has ended."""

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from tests.faults.evidence import Evidence, store_of
from tests.faults.grounds import H, Site
from tests.faults.invariants import (
    i1_nothing_is_lost,
    i2_one_pull_request,
    i3_only_the_current_epoch,
    i4_locks_go_with_their_lease,
    i5_the_trail_is_whole,
    i7_within_the_caps,
)
from tests.faults.invariants_outside import (
    i6_nothing_is_left_over,
    i8_no_secret_anywhere,
    i9_observers_agree,
    i10_commands_are_acknowledged,
)
from tests.waiting import eventually

Invariant = Callable[[Evidence], Iterator[str]]

INVARIANTS: dict[str, tuple[Invariant, float]] = {
    "I1": (i1_nothing_is_lost, 0),
    "I2": (i2_one_pull_request, 0),
    "I3": (i3_only_the_current_epoch, 0),
    "I4": (i4_locks_go_with_their_lease, 5),
    "I5": (i5_the_trail_is_whole, 0),
    "I6": (i6_nothing_is_left_over, 10),
    "I7": (i7_within_the_caps, 0),
    "I8": (i8_no_secret_anywhere, 0),
    "I9": (i9_observers_agree, 2),
    "I10": (i10_commands_are_acknowledged, 0),
}
"""Each with the heartbeats that it may take to hold: what is swept, expires or is shown takes its time, nothing else does."""


@dataclass(frozen=True)
class Breach:
    invariant: str
    what: str

    def __str__(self) -> str:
        return f"{self.invariant}: {self.what}"


def breaches(evidence: Evidence, only: Collection[str] = INVARIANTS) -> list[Breach]:
    """What is wrong at this moment."""
    return [Breach(name, what) for name in only for what in INVARIANTS[name][0](evidence)]


def lasting_breaches(site: Site, items: Sequence[str], only: Collection[str] = INVARIANTS) -> list[Breach]:
    """What is wrong after each invariant was given its time."""
    began, found = time.monotonic(), list[Breach]()
    with store_of(site) as rows:
        evidence = Evidence(site, items, rows)
        for name in only:
            left = INVARIANTS[name][1] * H - (time.monotonic() - began)
            found += _after(lambda name=name: breaches(evidence, [name]), left)  # type: ignore[misc]
    return found


def _after(look: Callable[[], list[Breach]], seconds: float) -> Iterable[Breach]:
    last: list[Breach] = []

    def holds() -> bool:
        last[:] = look()
        return not last

    try:
        eventually(holds, max(seconds, 0.0))
    except AssertionError:
        return last
    return []
