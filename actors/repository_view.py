"""What repositories hold, for who plans work in them: read in the background, and kept for a while."""

from collections import OrderedDict
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from actors.background import Background
from factory.errors import Refused as RefusedError
from factory.errors import Retryable
from factory.ports import Clock
from factory.protocol.mailbox import Refused, Unavailable
from factory.protocol.spec_mail import NOT_YET, ShownRepository, ShowRepository
from factory.spec_ports import RepositoryReader

KEPT = 8
"""Repositories, of some ten thousand characters each."""
KEPT_SECONDS = 300.0
"""Issues that are labelled together are of one repository. A plan from its state of some minutes ago is as good."""
READING = 1
"""At once: workers wait for the same threads."""


class Surveying(NamedTuple):
    """Key of a background job."""

    asked: ShowRepository


Answer = ShownRepository | Unavailable | Refused


@dataclass(frozen=True, slots=True)
class _Kept:
    answer: Answer
    until: float


class RepositoryView:
    """For one actor, in its turns."""

    def __init__(self, reader: RepositoryReader, background: Background, clock: Clock) -> None:
        self._reader, self._background, self._clock = reader, background, clock
        self._kept: OrderedDict[ShowRepository, _Kept] = OrderedDict()
        self._reading: set[ShowRepository] = set()

    def answer(self, asked: ShowRepository) -> Answer:
        """What is in it, or that it is being read: then the asker asks again."""
        kept = self._kept.get(asked)
        if kept is not None and isinstance(kept.answer, ShownRepository) and self._clock.monotonic() < kept.until:
            return kept.answer
        if kept is not None:
            del self._kept[asked]
            if not isinstance(kept.answer, ShownRepository):
                # Told once: the next one who asks has it tried again.
                return kept.answer
        if asked not in self._reading and len(self._reading) < READING:
            self._begin(asked)
        return Unavailable(NOT_YET)

    def read(self, key: Surveying, result: object) -> None:
        """A background job has ended."""
        self._reading.discard(key.asked)
        match result:
            case ShownRepository():
                self._keep(key.asked, result)
            case RefusedError():
                self._keep(key.asked, Refused(str(result)))
            case Retryable() | OSError():
                self._keep(key.asked, Unavailable(str(result)))
            case Exception():
                raise result
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)

    def _keep(self, asked: ShowRepository, answer: Answer) -> None:
        self._kept[asked] = _Kept(answer, self._clock.monotonic() + KEPT_SECONDS)

    def _begin(self, asked: ShowRepository) -> None:
        if self._background.submit(Surveying(asked), partial(self._reader.show, asked)):
            self._reading.add(asked)
