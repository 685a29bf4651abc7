"""`factory run`: one item in the foreground, with a factory of its own or the one that runs."""

import json
import os
import signal
from collections.abc import Iterator

import pytest

from factory.paths import running_root
from tests.e2e.command_line import GIVES_UP, SECONDS, Person, interrupted, person
from tests.waiting import eventually


@pytest.fixture
def newcomer() -> Iterator[Person]:
    """Somebody who has never started a factory."""
    with person() as one:
        yield one


@pytest.fixture
def someone() -> Iterator[Person]:
    with person(new=False) as one:
        yield one


def agent_works(someone: Person) -> bool:
    """The agent is held in its first iteration."""
    return any(f"sh {someone.agent}" in line for line in someone.left_over())


def test_without_a_factory_it_starts_one_delivers_and_stops_it(newcomer: Person) -> None:
    done = newcomer.says("run", *newcomer.work(), "--json")

    assert done.returncode == 0, done.stderr
    ended = json.loads(done.stdout)
    assert ended["item"]["status"] == "completed"
    pull = ended["pull_request"]
    assert newcomer.branches()[pull["branch"]] == pull["head"]
    assert newcomer.git("rev-list", "--count", f"trunk..{pull['branch']}").strip() == "2"
    assert newcomer.left_over() == []
    for word in ("assigned", "running", "publishing", "completed, 2 iterations, 2 commits"):
        assert word in done.stderr


def test_what_else_is_queued_is_left_alone(someone: Person) -> None:
    someone.says("up", "--detach", MAX_WORKERS="1")
    someone.hold.touch()
    first, second = (someone.says("submit", *someone.work()).stdout.strip() for _ in range(2))
    assert someone.says("cancel", first).returncode == 0
    assert someone.says("down").returncode == 0
    someone.hold.unlink()

    done = someone.says("run", *someone.work())

    assert done.returncode == 0, done.stderr
    someone.says("up", "--detach", FACTORY_ONLY="none")
    assert (someone.status_of(first), someone.status_of(second)) == ("cancelled", "queued")


def test_down_gives_back_also_the_work_of_a_worker_whose_actor_cannot_say_so(someone: Person) -> None:
    someone.says("up", "--detach")
    someone.hold.touch()
    item = someone.says("submit", *someone.work()).stdout.strip()
    eventually(lambda: agent_works(someone), SECONDS, "the agent works")
    (actor,) = (node for node in someone.reads("tree")["tree"] if node["name"].startswith("worker-"))
    os.kill(actor["pid"], signal.SIGSTOP)

    assert someone.says("down").returncode == 0

    assert someone.left_over() == []
    someone.says("up", "--detach", FACTORY_ONLY="none")
    assert someone.status_of(item) == "queued"


def test_a_failure_is_exit_code_1_with_its_reason(someone: Person) -> None:
    someone.use_agent(GIVES_UP)

    done = someone.says("run", *someone.work())

    assert done.returncode == 1
    assert "this cannot be done" in done.stdout
    assert list(someone.branches()) == ["trunk"]
    assert someone.left_over() == []


def test_ctrl_c_cancels_the_item_and_stops_everything(someone: Person) -> None:
    someone.hold.touch()
    process = someone.starts("run", *someone.work())
    eventually(lambda: agent_works(someone), SECONDS, "the agent works")

    code, out, err = interrupted(process)

    assert (code, out) == (130, "")
    assert "is cancelled" in err
    assert someone.left_over() == []
    someone.says("up", "--detach")
    assert [row["status"] for row in someone.reads("queue", "--all")["items"]] == ["cancelled"]


def test_a_terminal_that_goes_away_takes_its_factory_with_it(someone: Person) -> None:
    someone.hold.touch()
    process = someone.starts("run", *someone.work())
    eventually(lambda: agent_works(someone), SECONDS, "the agent works")

    code, _, _ = interrupted(process, signal.SIGKILL)

    assert code == -signal.SIGKILL
    eventually(lambda: someone.left_over() == [], SECONDS, lambda: f"nothing is left but {someone.left_over()}")


def test_a_time_limit_cancels_the_item(someone: Person) -> None:
    someone.hold.touch()

    done = someone.says("run", *someone.work(), "--timeout", "2s")

    assert done.returncode == 6
    assert done.stderr.splitlines()[-1].startswith("factory: Not done within 2.0s; ")
    assert done.stderr.endswith(" is cancelled.\n")
    assert someone.left_over() == []


@pytest.fixture(scope="module")
def shared() -> Iterator[Person]:
    with person(new=False) as one:
        yield one


@pytest.fixture
def served(shared: Person) -> Iterator[Person]:
    """Somebody whose factory runs already."""
    if running_root(shared.paths) is None:
        assert shared.says("up", "--detach").returncode == 0
    yield shared
    shared.hold.unlink(missing_ok=True)


def test_with_a_factory_it_is_used_and_goes_on_after_ctrl_c(served: Person) -> None:
    root = running_root(served.paths)
    served.hold.touch()
    process = served.starts("run", *served.work())
    eventually(lambda: agent_works(served), SECONDS, "the agent works")

    code, _, err = interrupted(process)

    assert code == 130
    assert "The factory goes on with" in err
    assert running_root(served.paths) == root
    (row,) = served.reads("queue")["items"]
    assert row["id"] in err
    served.hold.unlink()
    eventually(lambda: served.status_of(row["id"]) == "completed", SECONDS, "it is completed")


def test_a_mistake_is_told_before_a_factory_is_started(newcomer: Person) -> None:
    done = newcomer.says("run", "--repo", "repo", "--spec", "repo/README", "--engine", "command:./agent.sh")

    assert done.returncode == 2
    assert "no tasks" in done.stderr
    assert not newcomer.paths.data.exists()


def test_where_the_time_given_is_over_the_item_is_cancelled_also_in_a_factory_that_runs_on(served: Person) -> None:
    before = {row["id"] for row in served.reads("queue", "--all")["items"]}
    served.hold.touch()

    done = served.says("run", *served.work(), "--timeout", "2s")

    assert done.returncode == 6
    (row,) = (row for row in served.reads("queue", "--all")["items"] if row["id"] not in before)
    assert row["status"] == "cancelled"
    assert f"{row['id']} is cancelled." in done.stderr
    assert running_root(served.paths) is not None


def test_after_a_run_of_its_own_it_is_said_how_to_look_and_attempts_are_told_as_everywhere(someone: Person) -> None:
    done = someone.says("run", *someone.work())

    (item,) = (line.split()[1] for line in done.stdout.splitlines() if line.startswith("item "))
    assert f"factory up --detach, then: factory show {item}" in done.stderr
    assert "What was done there is kept" in someone.says("show", item).stderr
    someone.says("up", "--detach")
    ran, shown = (
        [line.split(None, 1)[1] for line in text.splitlines() if line.startswith("attempts ")]
        for text in (done.stdout, someone.says("show", item).stdout)
    )
    assert ran == shown
    assert ran[0].endswith(" (0 of 3 counted)")
