"""What is in a result, for those who ask before they say yes to it: read in the background, kept for a while, answered by pages."""

import math
from functools import partial
from typing import NamedTuple

import msgspec

from actors.background import Background
from actors.reading_desk import ReadingDesk, Terms
from factory.ports import Clock
from factory.protocol.mailbox import Refused, Unavailable
from factory.protocol.result_mail import NOT_YET, ShownResult, ShowResult
from factory.result_ports import ResultReader

KEPT = 4
"""Results whose pages are at hand, of some megabytes each at most; who pages on in an older one has it read anew."""

READING = 2
"""At once: publications wait for the same threads."""


class Showing(NamedTuple):
    """Key of a background job: the result, as the first page of it was asked for."""

    asked: ShowResult


Answer = ShownResult | Unavailable | Refused


class ResultView:
    """For one actor, in its turns."""

    def __init__(self, reader: ResultReader, background: Background, clock: Clock) -> None:
        self._reader, self._background = reader, background
        # What is between two commits never changes.
        terms = Terms(NOT_YET, KEPT, math.inf, READING)
        self._desk: ReadingDesk[ShowResult, ShownResult] = ReadingDesk(self._begin, clock, terms)

    def answer(self, asked: ShowResult) -> Answer:
        """A page, or that it is being read: then the asker asks again."""
        answer = self._desk.answer(msgspec.structs.replace(asked, offset=0))
        return answer.page(max(asked.offset, 0)) if isinstance(answer, ShownResult) else answer

    def read(self, key: Showing, result: ShownResult | Exception) -> None:
        """A background job has ended."""
        self._desk.came_back(key.asked, result)

    def _begin(self, whole: ShowResult) -> bool:
        return self._background.submit(Showing(whole), partial(self._reader.read, whole))
