"""What repositories hold, for who plans work in them: read in the background, and kept for a while."""

from functools import partial
from typing import NamedTuple

from actors.background import Background
from actors.reading_desk import ReadingDesk, Terms
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


class RepositoryView:
    """For one actor, in its turns."""

    def __init__(self, reader: RepositoryReader, background: Background, clock: Clock) -> None:
        self._reader, self._background = reader, background
        terms = Terms(NOT_YET, KEPT, KEPT_SECONDS, READING)
        self._desk: ReadingDesk[ShowRepository, ShownRepository] = ReadingDesk(self._begin, clock, terms)

    def answer(self, asked: ShowRepository) -> Answer:
        """What is in it, or that it is being read: then the asker asks again."""
        return self._desk.answer(asked)

    def read(self, key: Surveying, result: ShownRepository | Exception) -> None:
        """A background job has ended."""
        self._desk.came_back(key.asked, result)

    def _begin(self, asked: ShowRepository) -> bool:
        return self._background.submit(Surveying(asked), partial(self._reader.show, asked))
