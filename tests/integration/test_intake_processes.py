"""Intake as a process of a real factory: killed at named points it goes on where it was, and what people end is ended."""

from collections.abc import Iterator

import psutil
import pytest

from factory.standin.person import Person
from tests.real_factory import SETTLED, RealFactory, check_trail, real_factory
from tests.standin import TOKEN, StandIn, stand_in
from tests.waiting import eventually

pytestmark = pytest.mark.faults

_REPO = "acme/widgets"
_POINTS = ("issues-seen", "issue-word-said", "issue-labelled", "issue-comment-begun", "issue-commented")


@pytest.fixture(scope="module")
def standin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandIn]:
    with stand_in(tmp_path_factory.mktemp("github")) as standin:
        standin.repository(_REPO)
        yield standin


@pytest.fixture(scope="module")
def wanda(standin: StandIn) -> Person:
    return standin.person("wanda", _REPO)


@pytest.fixture(scope="module")
def factory(standin: StandIn) -> Iterator[RealFactory]:
    settings = {
        "GITHUB_API_URL": standin.api, "GITHUB_TOKEN": TOKEN, "REPOS": _REPO, "POLL_INTERVAL": "1000",
        "FACTORY_INTAKE_ENGINE": "command:true", "FACTORY_DAILY_ITERATIONS": "0",
    }  # fmt: skip
    with real_factory(settings) as factory:
        factory.up()
        yield factory


def _labelled(wanda: Person) -> int:
    number = wanda.open_issue("Widgets", "Do it.\n\n- [ ] Do it\n")
    wanda.label(number, "ai-factory")
    return number


def _shows(wanda: Person, number: int, label: str, comments: int) -> bool:
    return (wanda.labels(number), len(wanda.comments(number))) == ([f"ai-factory-{label}"], comments)


@pytest.mark.parametrize("point", _POINTS)
def test_killed_at_a_point_there_is_one_item_and_one_comment_and_closing_it_cancels_it(
    factory: RealFactory, wanda: Person, point: str
) -> None:
    factory.hold(point)
    number = _labelled(wanda)
    eventually(lambda: factory.held(point), SETTLED, f"intake comes to {point}")
    psutil.Process(factory.pids()["intake"]).kill()
    factory.forget_holds()

    eventually(lambda: _shows(wanda, number, "processing", 1), SETTLED, lambda: f"{wanda.labels(number)} {wanda.comments(number)}")

    wanda.close(number)
    eventually(lambda: _shows(wanda, number, "failed", 2), SETTLED, lambda: f"{wanda.labels(number)} {wanda.comments(number)}")
    (row,) = factory.rows("SELECT id, status FROM work_items WHERE source_id = %s", f"{_REPO}#{number}")
    assert row["status"] == "cancelled"
    check_trail(factory, row["id"])
