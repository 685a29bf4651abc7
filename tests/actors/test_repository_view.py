"""Repositories read in the background and told to those who ask again, with real threads and a reader that does as it is told."""

import threading
from collections.abc import Iterator

import pytest

from actors.background import Background
from actors.repository_view import KEPT, KEPT_SECONDS, READING, Answer, RepositoryView, Surveying
from factory.errors import RepositoryRefused, RepositoryUnavailable
from factory.protocol.mailbox import Refused, Unavailable
from factory.protocol.spec_mail import NOT_YET, ShownRepository, ShowRepository
from tests.fakes.clock import ManualClock
from tests.waiting import eventually


def asked(repo: str = "/repo") -> ShowRepository:
    return ShowRepository(repo, "main")


class Reader:
    """Reads nothing: tells which reading it was, once it may."""

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.may = threading.Event()
        self.may.set()
        self.read_ones: list[str] = []

    def show(self, asked: ShowRepository) -> ShownRepository:
        self.read_ones.append(asked.repo)
        assert self.may.wait(30)
        if self.error:
            raise self.error
        return ShownRepository(str(len(self.read_ones)), (), (), ())


class Desk:
    def __init__(self) -> None:
        self.reader, self.background, self.clock = Reader(), Background(4), ManualClock()
        self.view = RepositoryView(self.reader, self.background, self.clock)

    def turn(self) -> None:
        for key, result in self.background.drain():
            assert isinstance(key, Surveying)
            self.view.read(key, result)

    def settled(self, ask: ShowRepository) -> Answer:
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


def test_the_first_answer_is_to_ask_again_and_then_all_are_told_of_one_reading(desk: Desk) -> None:
    assert desk.view.answer(asked()) == Unavailable(NOT_YET)

    assert desk.settled(asked()) == desk.view.answer(asked()) == ShownRepository("1", (), (), ())
    assert desk.reader.read_ones == ["/repo"]


def test_an_old_reading_is_made_anew(desk: Desk) -> None:
    desk.settled(asked())
    desk.clock.advance(KEPT_SECONDS)

    assert desk.view.answer(asked()) == Unavailable(NOT_YET)
    assert desk.settled(asked()) == ShownRepository("2", (), (), ())


def test_few_are_read_at_once_and_the_others_have_their_turn(desk: Desk) -> None:
    desk.reader.may.clear()
    repos = [f"/{number}" for number in range(READING + 2)]
    for repo in repos:
        desk.view.answer(asked(repo))
    eventually(lambda: len(desk.reader.read_ones) == READING, 20)

    desk.reader.may.set()

    assert all(isinstance(desk.settled(asked(repo)), ShownRepository) for repo in repos)
    assert sorted(desk.reader.read_ones) == repos


@pytest.mark.parametrize(
    ("error", "answer"),
    [
        (RepositoryRefused("no such branch"), Refused("no such branch")),
        (RepositoryUnavailable("not now"), Unavailable("not now")),
        (OSError("no space"), Unavailable("no space")),
    ],
)
def test_what_went_wrong_is_told_once_and_then_tried_again(desk: Desk, error: Exception, answer: object) -> None:
    desk.reader.error = error
    assert desk.settled(asked()) == answer

    desk.reader.error = None

    assert isinstance(desk.settled(asked()), ShownRepository)


def test_only_so_many_are_kept(desk: Desk) -> None:
    for number in range(KEPT + 1):
        desk.settled(asked(f"/{number}"))

    assert desk.view.answer(asked(f"/{KEPT}")) != Unavailable(NOT_YET)
    assert desk.view.answer(asked("/0")) == Unavailable(NOT_YET)


def test_what_nobody_expects_is_raised(desk: Desk) -> None:
    with pytest.raises(RuntimeError, match="a bug"):
        desk.view.read(Surveying(asked()), RuntimeError("a bug"))
