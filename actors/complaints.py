"""What is wrong with what others send, for the log: told at once, and then once a minute with how often it came meanwhile.

Whoever sends it decides how often it comes, and must not decide how much is written for it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

EVERY_SECONDS = 60.0


class Complaint(NamedTuple):
    """So many since the last one was told; `what` is the latest of them."""

    about: str
    what: str
    times: int

    @property
    def sentence(self) -> str:
        return f"{self.about} {self.what} ({self.times} times since this was last said)"


@dataclass(slots=True)
class _Noted:
    told: float
    count: int = 0
    what: str = ""


@dataclass(slots=True)
class Complaints:
    """By whom they are about, which has to be one of a bounded number. Times are monotonic seconds."""

    _noted: dict[str, _Noted] = field(default_factory=dict)

    def note(self, about: str, what: str) -> None:
        noted = self._noted.setdefault(about, _Noted(float("-inf")))
        noted.count, noted.what = noted.count + 1, what

    def due(self, now: float) -> Iterator[Complaint]:
        """Those that are to be told now. Who was good for a while is forgotten."""
        for about, noted in list(self._noted.items()):
            if now - noted.told < EVERY_SECONDS:
                continue
            if noted.count:
                yield Complaint(about, noted.what, noted.count)
                self._noted[about] = _Noted(now)
            else:
                del self._noted[about]
