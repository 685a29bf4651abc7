"""Results read in a real thread of the background and answered by pages."""

from collections.abc import Iterator

import pytest

from actors.result_view import KEPT, READING, ResultView
from factory.errors import NotFound
from factory.protocol.mailbox import Lease, Refused, Unavailable
from factory.protocol.result_mail import NOT_YET, PAGE, ShownResult, ShowResult
from tests.actors.reading_site import ReadingSite

_PATCH = "x" * PAGE + "the rest"


def asked(epoch: int = 1, offset: int = 0) -> ShowResult:
    return ShowResult(Lease("abc", epoch), "/repo", "main", "/spool/x", "b" * 40, "c" * 40, offset=offset)


class Desk(ReadingSite):
    """Its reader too."""

    def __init__(self) -> None:
        super().__init__()
        self.error: NotFound | None = None
        self.read_ones: list[ShowResult] = []
        self.view = ResultView(self, self.background, self.clock)

    def read(self, asked: ShowResult) -> ShownResult:
        self.read_ones.append(asked)
        if self.error:
            raise self.error
        return ShownResult((), (), 0, _PATCH, len(_PATCH))

    def asks(self, epoch: int = 1, offset: int = 0) -> object:
        return self.view.answer(asked(epoch, offset))


@pytest.fixture
def desk() -> Iterator[Desk]:
    made = Desk()
    yield made
    made.background.close()


@pytest.mark.parametrize("began_at", [0, PAGE])
def test_all_pages_come_from_one_reading_which_ever_was_asked_for_first(desk: Desk, began_at: int) -> None:
    assert desk.asks(offset=began_at) == Unavailable(NOT_YET)
    desk.reads()
    # What is between two commits never changes.
    desk.clock.advance(1e9)

    first, second = desk.asks(), desk.asks(offset=PAGE)

    assert isinstance(first, ShownResult)
    assert isinstance(second, ShownResult)
    assert (first.patch, second.patch, first.size) == (_PATCH[:PAGE], _PATCH[PAGE:], len(_PATCH))
    assert desk.read_ones == [asked()]


def test_few_are_read_at_once(desk: Desk) -> None:
    epochs = range(1, READING + 2)
    assert [desk.asks(epoch) for epoch in epochs] == [Unavailable(NOT_YET)] * len(epochs)

    desk.reads()

    assert sorted(one.lease.epoch for one in desk.read_ones) == list(epochs[:READING])


def test_only_so_many_are_kept(desk: Desk) -> None:
    for epoch in range(1, KEPT + 2):
        desk.asks(epoch)
        desk.reads()

    assert isinstance(desk.asks(KEPT + 1), ShownResult)
    assert desk.asks(1) == Unavailable(NOT_YET)


def test_a_result_that_is_gone_is_told_once_and_then_looked_for_again(desk: Desk) -> None:
    desk.error = NotFound("it is gone")
    desk.asks()
    desk.reads()

    assert desk.asks() == Refused("it is gone", "not_found")
    assert desk.asks() == Unavailable(NOT_YET)
