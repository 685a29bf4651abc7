"""Answers that are read in the background and kept for a while: who asks too early is told to ask again."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

from factory.errors import NotFound, Retryable
from factory.errors import Refused as RefusedError
from factory.ports import Clock
from factory.protocol.mailbox import Refused, Unavailable

Asked = TypeVar("Asked", bound=Hashable)
Shown = TypeVar("Shown")


@dataclass(frozen=True, slots=True)
class Terms:
    """Of one desk.

    Attributes:
        not_yet: what is said to who asks too early.
        kept: answers at hand; the one goes first that nobody has asked for the longest.
        seconds: after which an answer is read anew.
        reading: at once; others wait for the same threads.
    """

    not_yet: str
    kept: int
    seconds: float
    reading: int


class ReadingDesk(Generic[Asked, Shown]):
    """For one actor, in its turns.

    Args:
        begin: has it read in the background, and the result given to `came_back`; False where there is no room now.
    """

    def __init__(self, begin: Callable[[Asked], bool], clock: Clock, terms: Terms) -> None:
        self._begin, self._clock, self._terms = begin, clock, terms
        self._kept: OrderedDict[Asked, tuple[Shown | Unavailable | Refused, float]] = OrderedDict()
        self._reading: set[Asked] = set()

    def answer(self, asked: Asked) -> Shown | Unavailable | Refused:
        """What was read, or that it is being read: then the asker asks again."""
        # What went wrong is told once, however old: the next one who asks has it tried again.
        answer, until = self._kept.pop(asked, (None, 0.0))
        if isinstance(answer, Unavailable | Refused):
            return answer
        if answer is not None and self._clock.monotonic() < until:
            self._kept[asked] = answer, until
            return answer
        if asked not in self._reading and len(self._reading) < self._terms.reading and self._begin(asked):
            self._reading.add(asked)
        return Unavailable(self._terms.not_yet)

    def came_back(self, asked: Asked, result: Shown | Exception) -> None:
        """The reading has ended. Raises what nobody expects."""
        self._reading.discard(asked)
        self._kept[asked] = _answer_of(result), self._clock.monotonic() + self._terms.seconds
        while len(self._kept) > self._terms.kept:
            self._kept.popitem(last=False)


def _answer_of(result: Shown | Exception) -> Shown | Unavailable | Refused:
    match result:
        case NotFound():
            return Refused(str(result), "not_found")
        case RefusedError():
            return Refused(str(result))
        case Retryable() | OSError():
            return Unavailable(str(result))
        case Exception():
            raise result
        case _:
            return result
