"""The three ways to stop a factory at work."""

from collections.abc import Iterator

import psutil
import pytest

from factory.paths import running_root
from tests.e2e.command_line import Person, person
from tests.waiting import eventually

_SECONDS = 60


@pytest.fixture(scope="module")
def shared() -> Iterator[Person]:
    with person(new=False) as one:
        yield one


@pytest.fixture
def someone(shared: Person) -> Iterator[Person]:
    """With a factory that runs and has nothing to do: each test leaves it so, and one that fails is cleared up after."""
    if running_root(shared.paths) is None:
        assert shared.says("up", "--detach").returncode == 0
    yield shared
    shared.hold.unlink(missing_ok=True)


def at_work(one: Person) -> str:
    """An item whose agent is in the middle of its work, and stays there as long as the hold is."""
    one.hold.touch()
    item = one.says("submit", *one.work()).stdout.strip()
    eventually(lambda: one.told("item", item)["item"]["iterations"] == 1, _SECONDS, "the agent runs")
    return item


def agents(one: Person) -> set[int]:
    """Shells that run the agent's program; not what such a shell forks for a moment, which looks like it."""
    found = (process for process in psutil.process_iter(["cmdline", "ppid"]) if process.info["cmdline"])
    parents = {process.pid: process.info["ppid"] for process in found if str(one.folder / "agent.sh") in process.info["cmdline"][-1]}
    return {pid for pid, parent in parents.items() if parent not in parents}


def attempts(one: Person, item: str) -> list[int]:
    return [attempt["epoch"] for attempt in one.reads("show", item)["attempts"]]


def test_detach_leaves_the_agent_running_and_the_next_start_goes_on_with_it(someone: Person) -> None:
    item = at_work(someone)
    before = eventually(lambda: agents(someone), _SECONDS)

    done = someone.says("down", "--detach")

    assert (done.returncode, running_root(someone.paths)) == (0, None), done.stderr
    assert agents(someone) == before
    assert someone.says("up", "--detach").returncode == 0
    someone.hold.unlink()
    eventually(lambda: someone.status_of(item) == "completed", _SECONDS, lambda: str(someone.told("item", item)))
    assert attempts(someone, item) == [1]


def test_drain_waits_for_the_agent_and_claims_nothing_more(someone: Person) -> None:
    item = at_work(someone)
    down = someone.starts("down", "--drain")
    eventually(lambda: someone.told("status")["stopping"] == "drain", _SECONDS)
    other = someone.says("submit", *someone.work()).stdout.strip()

    someone.hold.unlink()
    _, said = down.communicate(timeout=_SECONDS)

    assert (down.returncode, said.splitlines()[-1]) == (0, "The factory has stopped.")
    assert someone.says("up", "--detach").returncode == 0
    assert someone.status_of(item) == "completed"
    assert attempts(someone, item) == [1]
    eventually(lambda: someone.status_of(other) == "completed", _SECONDS)
    assert attempts(someone, other) == [1]


def test_down_overrides_a_drain_and_gives_work_back(someone: Person) -> None:
    item = at_work(someone)
    drain = someone.starts("down", "--drain")
    eventually(lambda: someone.told("status")["stopping"] == "drain", _SECONDS)

    assert someone.says("down").returncode == 0

    drain.communicate(timeout=_SECONDS)
    assert drain.returncode == 0
    assert agents(someone) == set()
    someone.hold.unlink()
    assert someone.says("up", "--detach").returncode == 0
    eventually(lambda: someone.status_of(item) == "completed", _SECONDS)
    assert attempts(someone, item) == [1, 2]


def test_two_ways_at_once_are_refused(someone: Person) -> None:
    done = someone.says("down", "--drain", "--detach")

    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert "--drain, --detach" in done.stderr
    assert running_root(someone.paths) is not None
