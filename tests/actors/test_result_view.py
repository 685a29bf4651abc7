"""Results read in the background and answered by pages, with real threads and a reader that does as it is told."""

import threading
from collections.abc import Callable, Iterator

import pytest

from actors.background import Background
from actors.result_view import KEPT, READING, Answer, ResultView, Showing
from factory.errors import BadResult, NotFound, RepositoryUnavailable
from factory.protocol.mailbox import Lease, Refused, Unavailable
from factory.protocol.result_mail import NOT_YET, PAGE, ShownResult, ShowResult
from tests.waiting import eventually

_PATCH = "x" * PAGE + "the rest"


def asked(epoch: int = 1, offset: int = 0) -> ShowResult:
    return ShowResult(Lease("abc", epoch), "/repo", "main", "/spool/x", "b" * 40, "c" * 40, offset=offset)


class Reader:
    """Reads nothing: gives what it was told to, once it may."""

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.may = threading.Event()
        self.may.set()
        self.read_ones: list[ShowResult] = []

    def read(self, asked: ShowResult) -> ShownResult:
        self.read_ones.append(asked)
        assert self.may.wait(30)
        if self.error:
            raise self.error
        return ShownResult((), (), 0, _PATCH, len(_PATCH))


class Desk:
    def __init__(self) -> None:
        self.reader, self.background = Reader(), Background(4)
        self.view = ResultView(self.reader, self.background)

    def turn(self) -> None:
        for key, result in self.background.drain():
            assert isinstance(key, Showing)
            self.view.read(key, result)

    def settled(self, ask: ShowResult) -> Answer:
        """Asks until there is an answer."""
        found: list[Answer] = []

        def again() -> bool:
            self.turn()
            found.append(self.view.answer(ask))
            return found[-1] != Unavailable(NOT_YET)

        eventually(again, 20)
        return found[-1]


@pytest.fixture
def desk() -> Iterator[Desk]:
    made = Desk()
    yield made
    made.reader.may.set()
    made.background.close()


def test_the_first_answer_is_to_ask_again_and_then_come_the_pages_of_one_reading(desk: Desk) -> None:
    assert desk.view.answer(asked()) == Unavailable(NOT_YET)

    first, second = desk.settled(asked()), desk.settled(asked(offset=PAGE))

    assert isinstance(first, ShownResult)
    assert isinstance(second, ShownResult)
    assert (first.patch + second.patch, first.size) == (_PATCH, len(_PATCH))
    assert desk.reader.read_ones == [asked()]


def test_who_asks_while_it_is_read_does_not_have_it_read_twice_and_few_are_read_at_once(desk: Desk) -> None:
    desk.reader.may.clear()

    for epoch in (1, 1, 2, 3, 4):
        desk.view.answer(asked(epoch))
    eventually(lambda: len(desk.reader.read_ones) == READING, 20)

    assert {one.lease.epoch for one in desk.reader.read_ones} == {1, 2}


@pytest.mark.parametrize(
    ("error", "answer"),
    [
        (NotFound("it is gone"), Refused("it is gone", "not_found")),
        (BadResult("it is broken"), Refused("it is broken")),
        (RepositoryUnavailable("not now"), Unavailable("not now")),
        (OSError("no space"), Unavailable("no space")),
    ],
)
def test_what_went_wrong_is_told_once_and_then_tried_again(desk: Desk, error: Exception, answer: object) -> None:
    desk.reader.error = error
    assert desk.settled(asked()) == answer

    desk.reader.error = None

    assert isinstance(desk.settled(asked()), ShownResult)


def test_what_nobody_expects_ends_the_actor(desk: Desk) -> None:
    desk.reader.error = RuntimeError("a bug")
    desk.view.answer(asked())
    fails: Callable[[], None] = desk.turn

    def ended() -> bool:
        try:
            fails()
        except RuntimeError:
            return True
        return False

    eventually(ended, 20)


def test_only_so_many_are_kept(desk: Desk) -> None:
    for epoch in range(1, KEPT + 2):
        desk.settled(asked(epoch))

    assert desk.view.answer(asked(KEPT + 1)) != Unavailable(NOT_YET)
    assert desk.view.answer(asked(1)) == Unavailable(NOT_YET)
