"""The lines of an item's logs, attempt after attempt: where to read next, and what an answer makes of it. No I/O, no clock."""

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from factory.domain.clean import clean

TAIL_BYTES = 1_048_576
"""Of a long log the last lines are looked for in so much of its end: the beginning of 64 MB would take a minute."""

MOST_PARTIAL = 65_536
"""Characters of a line that has not ended; what is longer is taken as a line."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line that an attempt printed, without anything that a terminal would obey."""

    epoch: int
    text: str


class AttachedLog:
    """Begins with the last lines of the latest attempt; those after it are read whole.

    Args:
        tail: lines of what was printed before.

    Attributes:
        epoch: the attempt that is read; 0 while none has begun.
        offset: in bytes, where its next piece begins.
        ended: the attempt has ended and all of its log was taken.
    """

    def __init__(self, tail: int) -> None:
        self.epoch = self.offset = 0
        self.ended = False
        self._past: deque[Line] | None = deque(maxlen=tail)
        self._partial, self._torn = "", False

    def take(self, data: Mapping[str, Any]) -> tuple[list[Line], bool]:
        """Lines to show after an answer to the view `log`, and whether there is more to be asked for at once."""
        size = int(data.get("size") or 0)
        if self._past is not None and not self.epoch and size > 2 * TAIL_BYTES:
            # From the middle of a line on, which is left out.
            self.epoch, self.offset, self._torn = int(data["epoch"]), size - TAIL_BYTES, True
            return [], True
        self.epoch, self.offset = int(data.get("epoch") or 0), int(data.get("next") or 0)
        text = str(data.get("data") or "")
        lines = self._lines(text)
        behind = bool(text) and self.offset < size
        self.ended = bool(data.get("ended")) and not behind
        if self.ended and self._partial:
            lines.append(Line(self.epoch, clean(self._partial)))
            self._partial = ""
        return self._after_the_past(lines, behind=behind), behind

    def move_on(self, epochs: Iterable[int]) -> bool:
        """Begins with the attempt after the one that has ended, of all that there are; False where there is none."""
        following = min((epoch for epoch in epochs if epoch > self.epoch), default=0)
        if not (self.ended and following):
            return False
        self.epoch, self.offset, self.ended = following, 0, False
        return True

    def _lines(self, text: str) -> list[Line]:
        if self._torn and text:
            _, end, text = text.partition("\n")
            self._torn = not end
        *whole, self._partial = (self._partial + text).split("\n")
        if len(self._partial) > MOST_PARTIAL:
            whole.append(self._partial)
            self._partial = ""
        return [Line(self.epoch, clean(line.removesuffix("\r"))) for line in whole]

    def _after_the_past(self, lines: list[Line], *, behind: bool) -> list[Line]:
        """What was printed before is kept until all of it is there, and only then its last lines are shown."""
        if self._past is None:
            return lines
        self._past.extend(lines)
        if behind:
            return []
        shown, self._past = list(self._past), None
        return shown
