"""The real Claude Code in the whole tree, against a scripted model: from a spec to a pull request, and what it must not touch."""

from collections.abc import Iterator

import psutil
import pytest

from factory.protocol.commands import Query
from tests import scripted_model as model
from tests.claude_code import claude_binary
from tests.e2e.test_first_run import gate, waiting_agent
from tests.real_factory import RealFactory, check_trail, git, left_over, real_factory
from tests.scripted_model import Script, scripted
from tests.waiting import eventually

KEY = "sk-ant-api03-pretended-key-of-a-test"


@pytest.fixture(scope="module")
def script() -> Iterator[Script]:
    with scripted((model.DONE,)) as (_, script):
        yield script


@pytest.fixture(scope="module")
def factory(script: Script) -> Iterator[RealFactory]:
    settings = {"CLAUDE_BIN": str(claude_binary()), "ANTHROPIC_API_KEY": KEY, "ANTHROPIC_BASE_URL": script.url}
    with real_factory({**settings, "FACTORY_MAX_SETBACKS": "1"}) as factory:
        factory.up()
        yield factory


def test_three_tasks_become_three_commits_of_three_iterations_and_one_pull_request(factory: RealFactory, script: Script) -> None:
    remote = factory.remote("claude", gate("test -f task-3.txt"))
    script.play(model.one_task(1), model.one_task(2), model.one_task(3))

    item = factory.submit(remote, engine="claude", spec=model.SPEC)
    factory.settled(item)

    view = factory.view("item", item)
    assert (view["item"]["iterations"], view["item"]["commits"], view["pull_request"]["number"]) == (3, 3, 1)
    assert git(remote, "log", "--format=%s", "--reverse", f"main..factory/{item}").splitlines() == ["task 1", "task 2", "task 3"]
    assert "check" in factory.rows("SELECT body FROM pull_requests WHERE item = %s", item)[0]["body"]
    assert factory.rows("SELECT tokens FROM attempts WHERE item = %s", item) == [{"tokens": 3 * 4 * 150}]
    check_trail(factory, item)
    log = factory.ask(Query("log", item)).data["data"]
    assert "> Write " in log
    assert KEY not in log
    eventually(lambda: not left_over(factory, item), 20, lambda: f"nothing is left over, there is {left_over(factory, item)}")


def test_a_file_that_another_item_holds_stays_untouched(factory: RealFactory, script: Script) -> None:
    remote = factory.remote("claude-locked")
    engine, flag = waiting_agent(factory, "holder")
    holder = factory.submit(remote, engine=engine, files=("README.md",))
    eventually(flag.exists, 30, "the holder runs")
    script.play((model.write("README.md", "mine\n"), *model.one_task(1)))

    item = factory.submit(remote, engine="claude", spec="# One\n\n- [ ] task 1\n")
    factory.settled(item)

    assert git(remote, "diff", "--name-only", f"main..factory/{item}").split() == ["task-1.txt"]
    assert holder in factory.ask(Query("log", item)).data["data"]


def test_no_process_of_the_tree_has_the_credential_in_its_environment(factory: RealFactory) -> None:
    root = factory.pids()["root"]

    # The root's own environment is what the kernel has kept from its start.
    others = [process for process in factory.processes() if process.pid != root]

    assert others
    assert [process.pid for process in others if KEY in _environment(process).values()] == []


def _environment(process: psutil.Process) -> dict[str, str]:
    try:
        return process.environ()
    except psutil.Error:
        return {}


def test_without_a_credential_no_worker_starts_and_the_reason_says_what_to_do() -> None:
    empty = {"CLAUDE_BIN": "/bin/true", "ANTHROPIC_API_KEY": "", "CLAUDE_CODE_OAUTH_TOKEN": "", "FACTORY_MAX_SETBACKS": "1"}
    with real_factory(empty) as factory:
        factory.up()

        item = factory.submit(factory.remote("closed"), engine="claude")

        eventually(lambda: "claude setup-token" in str(factory.item(item)["reason"]), 30, lambda: str(factory.item(item)))
        assert factory.item(item)["attempts"] == 0
