"""Repositories read in a real thread of the background, by a reader that tells which reading it was."""

from collections.abc import Iterator

import pytest

from actors.repository_view import KEPT, KEPT_SECONDS, READING, RepositoryView
from factory.protocol.mailbox import Unavailable
from factory.protocol.spec_mail import NOT_YET, ShownRepository, ShowRepository
from tests.actors.reading_site import ReadingSite


class Desk(ReadingSite):
    """Its reader too."""

    def __init__(self) -> None:
        super().__init__()
        self.read_ones: list[str] = []
        self.view = RepositoryView(self, self.background, self.clock)

    def show(self, asked: ShowRepository) -> ShownRepository:
        self.read_ones.append(asked.repo)
        return ShownRepository(str(len(self.read_ones)), (), (), ())

    def asks(self, repo: str = "/repo") -> object:
        return self.view.answer(ShowRepository(repo, "main"))


@pytest.fixture
def desk() -> Iterator[Desk]:
    made = Desk()
    yield made
    made.background.close()


def test_a_repository_is_read_once_and_told_for_a_while(desk: Desk) -> None:
    for number in (1, 2):
        assert desk.asks() == Unavailable(NOT_YET)
        desk.reads()

        assert desk.asks() == desk.asks() == ShownRepository(str(number), (), (), ())
        desk.clock.advance(KEPT_SECONDS)

    assert desk.read_ones == ["/repo", "/repo"]


def test_few_are_read_at_once(desk: Desk) -> None:
    repos = [f"/{number}" for number in range(READING + 1)]
    assert [desk.asks(repo) for repo in repos] == [Unavailable(NOT_YET)] * len(repos)

    desk.reads()

    assert desk.read_ones == repos[:READING]


def test_only_so_many_are_kept(desk: Desk) -> None:
    for number in range(KEPT + 1):
        desk.asks(f"/{number}")
        desk.reads()

    assert isinstance(desk.asks("/1"), ShownRepository)
    assert desk.asks("/0") == Unavailable(NOT_YET)
