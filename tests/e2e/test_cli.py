"""Life of a factory, and looking at it and steering it, from any terminal of the same user."""

from collections.abc import Iterator

import pytest

from factory.paths import running_root
from tests.e2e.command_line import Person, person
from tests.waiting import eventually


@pytest.fixture(scope="module")
def shared() -> Iterator[Person]:
    """With a factory that runs; the tests of this module share it and each brings an item of its own."""
    with person(new=False) as one:
        yield one


@pytest.fixture
def someone(shared: Person) -> Person:
    """Up also after a test that failed while it was down."""
    if running_root(shared.paths) is None:
        done = shared.says("up", "--detach")
        assert done.returncode == 0, done.stderr
    return shared


def submitted(someone: Person, *more: str) -> str:
    done = someone.says("submit", *someone.work(), *more)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_a_factory_goes_up_answers_goes_down_and_leaves_nothing() -> None:
    with person() as one:
        assert one.says("up", "--detach").returncode == 0
        assert one.reads("status")["schema"] == "factory.status/1"

        second = one.says("up")
        assert (second.returncode, second.stderr.count("\n")) == (5, 1)
        assert "already runs on" in second.stderr

        assert one.says("down").returncode == 0
        assert one.left_over() == []
        assert one.says("status").returncode == 4


def test_what_was_handed_in_is_still_there_after_a_restart(someone: Person) -> None:
    item = submitted(someone, "--delay", "1h", "--priority", "critical", "--title", "Later")
    someone.says("down")
    assert someone.says("show", item).returncode == 4

    assert someone.says("up", "--detach").returncode == 0

    (row,) = (row for row in someone.reads("queue")["items"] if row["id"] == item)
    assert (row["priority_name"], row["title"]) == ("critical", "Later")


def test_a_spec_becomes_a_branch_and_a_pull_request(someone: Person) -> None:
    done = someone.says("submit", *someone.work(), "--wait")

    assert done.returncode == 0, done.stderr
    item = done.stdout.split("\n")[0]
    shown = someone.reads("show", item[:6])
    assert shown["item"]["status"] == "completed"
    assert someone.branches()[f"factory/{item}"] == shown["pull_request"]["head"]
    assert item in {row["item"] for row in someone.reads("pr", "list")["pull_requests"]}
    assert item not in {row["id"] for row in someone.reads("queue")["items"]}
    assert item in {row["id"] for row in someone.reads("queue", "--all")["items"]}
    types = [row["type"] for row in someone.reads("events", item)["events"]]
    assert (types[0], types[-1]) == ("WORK_ITEM.ENQUEUED.SUCCESS", "WORK_ITEM.PUBLISHED.SUCCESS")


def test_a_log_is_followed_to_the_end_of_its_attempt(someone: Person) -> None:
    item = submitted(someone)

    done = someone.says("logs", item, "--follow")

    assert done.returncode == 0, done.stderr
    assert done.stdout == "the agent worked on line 3\nthe agent worked on line 4\n"


def test_a_running_item_is_killed_and_worked_on_again(someone: Person) -> None:
    someone.hold.touch()
    item = submitted(someone)
    eventually(lambda: someone.told("item", item)["item"]["iterations"] == 1, 60, "the agent runs")

    done = someone.says("kill", item)

    assert done.returncode == 0, done.stderr
    someone.hold.unlink()
    eventually(lambda: someone.status_of(item) == "completed", 60, "the second attempt succeeds")
    attempts = someone.reads("show", item)["attempts"]
    assert [attempt["epoch"] for attempt in attempts] == [1, 2]
    assert someone.reads("logs", item, "--attempt", "1")["data"] == ""


def test_a_waiting_item_is_moved_cancelled_and_retried(someone: Person) -> None:
    item = submitted(someone, "--delay", "1h", "--priority", "low")

    assert someone.says("priority", item, "high").returncode == 0
    assert someone.reads("show", item)["item"]["priority_name"] == "high"
    assert someone.says("cancel", item).returncode == 0
    assert someone.status_of(item) == "cancelled"
    assert someone.says("retry", item).returncode == 0
    eventually(lambda: someone.status_of(item) == "completed", 60, "it is worked on at once")


def test_what_cannot_be_done_is_refused_with_its_reason(someone: Person) -> None:
    item = submitted(someone, "--delay", "1h")

    for verb in ("kill", "approve", "reject"):
        done = someone.says(verb, item)
        assert (done.returncode, done.stderr.count("\n")) == (5, 1), done.stderr
    assert someone.says("cancel", item, "--epoch", "7").returncode == 5
    assert someone.says("cancel", item).returncode == 0


def test_an_item_that_is_not_there_is_exit_code_3(someone: Person) -> None:
    for words in (["show"], ["logs"], ["events"], ["kill"], ["cancel"]):
        done = someone.says(*words, "zzzzzzzzzz")
        assert (done.returncode, done.stdout) == (3, ""), words


def test_the_processes_are_shown(someone: Person) -> None:
    names = {row["name"] for row in someone.reads("tree")["tree"]}

    assert {"queue", "limiter", "locks", "gateway", "dispatcher", "journal", "delivery"} <= names
