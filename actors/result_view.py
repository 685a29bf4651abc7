"""What is in a result, for those who ask before they say yes to it: read in the background, kept for a while, answered by pages."""

from collections import OrderedDict
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import msgspec

from actors.background import Background
from factory.errors import NotFound, Retryable
from factory.errors import Refused as RefusedError
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


@dataclass(frozen=True, slots=True)
class _Failed:
    answer: Unavailable | Refused


class ResultView:
    """For one actor, in its turns."""

    def __init__(self, reader: ResultReader, background: Background) -> None:
        self._reader, self._background = reader, background
        self._kept: OrderedDict[ShowResult, ShownResult | _Failed] = OrderedDict()
        self._reading: set[ShowResult] = set()

    def answer(self, asked: ShowResult) -> Answer:
        """A page, or that it is being read: then the asker asks again."""
        whole = msgspec.structs.replace(asked, offset=0)
        match self._kept.get(whole):
            case ShownResult() as shown:
                self._kept.move_to_end(whole)
                return shown.page(max(asked.offset, 0))
            case _Failed(answer):
                # Told once: the next one who asks has it tried again.
                del self._kept[whole]
                return answer
        if whole not in self._reading and len(self._reading) < READING:
            self._begin(whole)
        return Unavailable(NOT_YET)

    def read(self, key: Showing, result: object) -> None:
        """A background job has ended."""
        self._reading.discard(key.asked)
        match result:
            case ShownResult():
                self._kept[key.asked] = result
            case NotFound():
                self._kept[key.asked] = _Failed(Refused(str(result), "not_found"))
            case RefusedError():
                self._kept[key.asked] = _Failed(Refused(str(result)))
            case Retryable() | OSError():
                self._kept[key.asked] = _Failed(Unavailable(str(result)))
            case Exception():
                raise result
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)

    def _begin(self, whole: ShowResult) -> None:
        if self._background.submit(Showing(whole), partial(self._reader.read, whole)):
            self._reading.add(whole)
