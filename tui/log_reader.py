"""What to ask of an attempt's log, and what its answers make of it. Pure: queries out, answers in, time from the caller."""

from collections.abc import Mapping
from typing import Any

from factory.protocol.commands import Query
from tui.folding import MOST_LINES, Folding

_COMES = "what the agent says and does comes here as it happens."

POLL_SECONDS = 0.25
_WITHOUT_LOG_SECONDS = 1.0

TAIL_BYTES = 1_048_576
"""Of a long log the end is read; what one looks at a log for is there, and the beginning of 64 MB would take a minute."""


class LogReader:
    """Follows the log of one attempt, and of the next one where it is the latest that is wanted.

    Args:
        epoch: of the attempt; 0: the latest, also when that becomes another one.
        raw: each line as it came, nothing folded.

    Attributes:
        epoch: the attempt that is read, 0 before that is known.
        ended: the attempt has ended and all of its log is there.
        skipped: bytes at the beginning that were not read.
        behind: bytes that are still to come.
        reason: why there is no answer.
    """

    def __init__(self, item: str, epoch: int = 0, *, raw: bool = False, tail: int = TAIL_BYTES) -> None:
        self.item, self.folding = item, Folding(raw=raw)
        self.epoch, self._latest, self._raw, self._tail = epoch, epoch == 0, raw, tail
        self.ended = False
        self.skipped = self.behind = 0
        self.reason = ""
        self._offset = 0
        self._size = 80
        self._asked_at: float | None = None
        self._asked: Query | None = None
        self._partial = self._answered = False

    def next_query(self, now: float) -> Query | None:
        """What is to be asked at this time; None where nothing is."""
        pause = POLL_SECONDS if self.epoch else _WITHOUT_LOG_SECONDS
        if self.ended or (self._asked_at is not None and now - self._asked_at < pause):
            return None
        self._asked_at = now
        self._asked = Query("log", self.item, epoch=self.epoch, offset=self._offset)
        return self._asked

    @property
    def asked(self) -> Query | None:
        """What was asked last and is not answered yet."""
        return self._asked

    def failed(self, reason: str) -> None:
        self._asked, self.reason = None, reason

    def take(self, data: Mapping[str, Any]) -> None:
        """The answer to what was asked last."""
        self._asked, self.reason, self._answered = None, "", True
        self.epoch = int(data.get("epoch") or 0)
        size, text = int(data.get("size") or 0), str(data.get("data") or "")
        if not self._offset and size > 2 * self._tail:
            # From the middle of a line on.
            self.skipped = self._offset = size - self._tail
            self.behind, self._partial, self._asked_at = self._tail, True, None
            return
        self._offset = int(data.get("next") or 0)
        self.behind = max(size - self._offset, 0)
        self.ended = bool(data.get("ended")) and not self.behind
        self._feed(text)
        if self.behind:
            self._asked_at = None

    def nothing(self, begun: int) -> str:
        """What stands there without lines, where the item's latest attempt is this one; 0: none has begun."""
        if self.reason or not (self.epoch or begun):
            return self.reason or f"No attempt has begun yet: {_COMES}"
        if not self._answered:
            return "The log is being read…"
        return "Nothing was printed in this attempt." if self.ended else f"Nothing was printed yet: {_COMES}"

    def moved_on(self, epoch: int) -> bool:
        """Begins with the next attempt, where the latest is wanted and the item is at a later one; False where not."""
        if not (self._latest and self.ended and epoch > self.epoch):
            return False
        self.folding = Folding(raw=self._raw)
        _ = self.folding.resize(self._size)
        self.epoch, self.ended, self.skipped, self.behind, self._offset, self._asked_at = epoch, False, 0, 0, 0, None
        self._answered = False
        return True

    def resize(self, size: int) -> bool:
        self._size = size
        return self.folding.resize(size)

    def prune(self, *, follow: bool) -> None:
        """Keeps what there is within bounds, wide ones while somebody reads further up."""
        self.folding.prune(MOST_LINES if follow else 5 * MOST_LINES)

    def _feed(self, text: str) -> None:
        if self._partial and text:
            _, _, text = text.partition("\n")
            self._partial = False
        self.folding.feed(text, ended=self.ended)
