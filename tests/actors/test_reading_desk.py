"""Answers read in the background and told to those who ask again, with a reader that ends when it is told to."""

import pytest

from actors.reading_desk import ReadingDesk, Terms
from factory.errors import BadResult, NotFound, RepositoryRefused, RepositoryUnavailable
from factory.protocol.mailbox import Refused, Unavailable
from tests.fakes.clock import ManualClock

_TERMS = Terms("ask again", kept=3, seconds=60.0, reading=2)
NOT_YET = Unavailable(_TERMS.not_yet)


class Desk:
    def __init__(self) -> None:
        self.clock, self.has_room = ManualClock(), True
        self.begun: list[str] = []
        self.desk: ReadingDesk[str, str] = ReadingDesk(self._begin, self.clock, _TERMS)

    def _begin(self, asked: str) -> bool:
        if self.has_room:
            self.begun.append(asked)
        return self.has_room

    def read(self, asked: str, result: str | Exception) -> None:
        """It is asked for, and then read."""
        assert self.desk.answer(asked) == NOT_YET
        self.desk.came_back(asked, result)


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_the_first_answer_is_to_ask_again_and_then_all_are_told_of_one_reading(desk: Desk) -> None:
    assert [desk.desk.answer("a") for _ in range(3)] == [NOT_YET] * 3

    desk.desk.came_back("a", "what it holds")

    assert [desk.desk.answer("a") for _ in range(3)] == ["what it holds"] * 3
    assert desk.begun == ["a"]


def test_an_old_reading_is_made_anew(desk: Desk) -> None:
    desk.read("a", "old")
    desk.clock.advance(_TERMS.seconds)

    desk.read("a", "new")

    assert desk.desk.answer("a") == "new"


def test_few_are_read_at_once_and_the_others_have_their_turn(desk: Desk) -> None:
    for name in "aabcd":
        assert desk.desk.answer(name) == NOT_YET
    assert desk.begun == ["a", "b"]

    desk.desk.came_back("a", "A")
    desk.read("c", "C")

    assert (desk.begun, desk.desk.answer("a"), desk.desk.answer("c")) == (["a", "b", "c"], "A", "C")


def test_what_finds_no_room_in_the_background_is_begun_by_a_later_question(desk: Desk) -> None:
    desk.has_room = False
    for name in "abc":
        assert desk.desk.answer(name) == NOT_YET

    desk.has_room = True
    desk.read("c", "C")

    assert (desk.begun, desk.desk.answer("c")) == (["c"], "C")


@pytest.mark.parametrize(
    ("error", "answer"),
    [
        (NotFound("it is gone"), Refused("it is gone", "not_found")),
        (BadResult("it is broken"), Refused("it is broken")),
        (RepositoryRefused("no such branch"), Refused("no such branch")),
        (RepositoryUnavailable("not now"), Unavailable("not now")),
        (OSError("no space"), Unavailable("no space")),
    ],
)
@pytest.mark.parametrize("after", [0.0, _TERMS.seconds])
def test_what_went_wrong_is_told_once_however_late_and_then_tried_again(desk: Desk, error: Exception, answer: object, after: float) -> None:
    desk.read("a", error)
    desk.clock.advance(after)

    assert desk.desk.answer("a") == answer
    desk.read("a", "A")
    assert desk.desk.answer("a") == "A"


def test_only_so_many_are_kept_and_the_one_goes_first_that_nobody_has_asked_for_the_longest(desk: Desk) -> None:
    for name in "abc":
        desk.read(name, name.upper())
    desk.desk.answer("a")

    desk.read("d", "D")

    assert [desk.desk.answer(name) for name in "acd"] == ["A", "C", "D"]
    assert desk.desk.answer("b") == NOT_YET


def test_what_nobody_expects_is_raised(desk: Desk) -> None:
    with pytest.raises(RuntimeError, match="a bug"):
        desk.read("a", RuntimeError("a bug"))
