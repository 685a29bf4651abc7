"""How issues are taken up where other factories may watch the same repository: whoever takes the label off that asks has the issue."""

from dataclasses import dataclass, replace

from factory.domain.issue_claim import claimant, left_to
from factory.domain.issue_known import Known, Shown
from factory.domain.issue_signs import Relabel
from factory.issue_ports import IssueSource
from factory.ports import Clock

PATIENCE_SECONDS = 30.0
"""For the word of whoever was faster. They write it with their next step; after this it was a person who took the label off."""
AGAIN_SECONDS = 2.0
"""Between two looks for it."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """What came of the labels' exchange.

    Attributes:
        labels: that the issue has now.
        is_late: whether the label that asks was not there any more.
        other: the factory that was faster, as far as the history shows it.
    """

    shown: Shown
    labels: tuple[str, ...]
    is_late: bool = False
    other: str = ""


class Claims:
    """Args: instance: of this factory."""

    def __init__(self, asks: str, instance: str, clock: Clock) -> None:
        self._asks, self._instance, self._clock = asks, instance, clock
        self._late_since: dict[str, float] = {}

    def exchange(self, forge: IssueSource, known: Known, sign: Relabel) -> Exchange:
        """For the background. Repeatable: what was done before counts as late, and whose it was follows from what else is known."""
        there = forge.relabel(known.repo, known.number, sign.add, [name for name in sign.remove if name != self._asks])
        left = forge.take_off(known.repo, known.number, self._asks)
        if left is not None:
            return Exchange(sign.shown, left)
        other = claimant(forge.history(known.repo, known.number), known, self._asks, self._instance)
        return Exchange(sign.shown, tuple(name for name in there if name.lower() != self._asks.lower()), is_late=True, other=other)

    def follow(self, known: Known, came: Exchange, *, begun_before: bool) -> Known | None:
        """The issue after it; None where it is to be tried again after a while.

        Args:
            begun_before: whether it may have been this factory itself that took the label off, and did not live to hear it.
        """
        if came.is_late and not came.other and self._waits(known.key, begun_before=begun_before):
            return None
        self._late_since.pop(known.key, None)
        if came.other:
            return left_to(known, known.label_event, f"{came.other} was faster")
        return replace(known, shown=came.shown, seen=replace(known.seen, labels=came.labels))

    def _waits(self, key: str, *, begun_before: bool) -> bool:
        if begun_before and key not in self._late_since:
            return False
        since = self._late_since.setdefault(key, self._clock.monotonic())
        return self._clock.monotonic() - since < PATIENCE_SECONDS
