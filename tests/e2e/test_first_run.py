"""The whole path with the real tree: what a person relies on when a spec goes in."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import psutil
import pytest

from factory.protocol.commands import Query, Steer, SteerActor
from tests.real_factory import RealFactory, check_item, check_trail, git, left_over, real_factory
from tests.waiting import eventually

WAITING_AGENT = """#!/bin/sh
touch "{flag}"
exec sleep 300
"""


@pytest.fixture(scope="module")
def factory() -> Iterator[RealFactory]:
    with real_factory() as factory:
        factory.up()
        yield factory


def gate(command: str, *, required: bool = True) -> Mapping[str, str]:
    text = f'[[gates]]\nname = "check"\ncommand = "{command}"\nrequired = {str(required).lower()}\n'
    return {".factory.toml": text}


def waiting_agent(factory: RealFactory, name: str) -> tuple[str, Path]:
    """An engine that runs until it is killed, and the file that says that it runs."""
    flag = factory.folder / f"{name}-runs"
    path = factory.folder / f"{name}.sh"
    path.write_text(WAITING_AGENT.format(flag=flag))
    path.chmod(0o755)
    return f"command:{path}", flag


def agent_process(factory: RealFactory, item: str) -> psutil.Process:
    return eventually(
        lambda: next((one for one in factory.processes() if one.name() == "sleep" and item in str(one.environ())), None),
        30,
        "the agent runs",
    )


def test_the_agents_commits_arrive_on_one_branch_with_one_pull_request(factory: RealFactory) -> None:
    remote = factory.remote("plain")

    item = factory.submit(remote)
    factory.settled(item)

    check_item(factory, item, remote)
    view = factory.view("item", item[:6])
    assert (view["item"]["iterations"], view["item"]["commits"], view["pull_request"]["number"]) == (3, 3, 1)
    eventually(lambda: not left_over(factory, item), 20, lambda: f"nothing is left over, there is {left_over(factory, item)}")


def test_several_items_of_one_repository_each_get_their_own_pull_request(factory: RealFactory) -> None:
    remote = factory.remote("several")

    items = [factory.submit(remote, priority=priority) for priority in (3, 1, 2, 0)]
    for item in items:
        factory.settled(item)

    for item in items:
        check_item(factory, item, remote)
    numbers = {row["number"] for row in factory.rows("SELECT number FROM pull_requests WHERE repo = %s", str(remote))}
    assert numbers == {1, 2, 3, 4}


def test_a_green_required_gate_lets_the_result_through(factory: RealFactory) -> None:
    remote = factory.remote("green", gate("test -f out.txt"))

    item = factory.submit(remote)
    factory.settled(item)

    assert "check" in factory.rows("SELECT body FROM pull_requests WHERE item = %s", item)[0]["body"]


def test_a_required_gate_that_is_red_only_in_the_clean_clone_blocks_the_pull_request(factory: RealFactory) -> None:
    # Green where the agent works, since an untracked but ignored file makes it so; red on exactly the commit.
    remote = factory.remote("red", {**gate("test -f marker"), ".gitignore": "marker\n"})
    agent = factory.folder / "marking-agent.sh"
    agent.write_text(factory.agent.read_text() + "touch marker\n")
    agent.chmod(0o755)

    item = factory.submit(remote, engine=f"command:{agent}")
    row = factory.settled(item, "failed")

    assert row["attempts"] == 3
    assert factory.rows("SELECT outcome FROM attempts WHERE item = %s ORDER BY epoch", item) == [{"outcome": "gate"}] * 3
    assert factory.rows("SELECT 1 FROM pull_requests WHERE item = %s", item) == []
    assert item not in git(remote, "show-ref")
    check_trail(factory, item)


def test_a_guarded_path_waits_for_a_person_and_is_pushed_only_after_the_approval(factory: RealFactory) -> None:
    remote = factory.remote("guarded")
    agent = factory.folder / "guarded-agent.sh"
    agent.write_text(
        factory.agent.read_text().replace("git add out.txt", "mkdir -p .github/workflows; echo a > .github/workflows/ci.yml; git add .")
    )
    agent.chmod(0o755)

    item = factory.submit(remote, engine=f"command:{agent}")
    row = factory.settled(item, "needs_approval")

    assert ".github/workflows" in row["reason"]
    assert item not in git(remote, "show-ref")
    assert factory.ask(Steer("approve-1", "approve", item, "tester")).code == "ok"
    factory.settled(item)
    assert item in git(remote, "show-ref")


def test_kill_kills_the_agent_and_the_item_goes_back_to_the_queue(factory: RealFactory) -> None:
    remote = factory.remote("killed")
    engine, flag = waiting_agent(factory, "killed")
    item = factory.submit(remote, engine=engine)
    eventually(flag.exists, 30, "the agent runs")
    agent = agent_process(factory, item)

    reply = factory.ask(Steer("kill-1", "kill", item, "tester"))

    assert reply.code == "ok"
    eventually(lambda: not agent.is_running(), 20, "the agent's process is gone")
    assert factory.item(item)["attempts"] == 1
    assert factory.ask(Steer("cancel-1", "cancel", item, "tester")).code == "ok"
    eventually(lambda: not left_over(factory, item), 20, lambda: f"nothing is left over, there is {left_over(factory, item)}")
    assert factory.item(item)["status"] == "cancelled"


def test_an_agent_that_gives_up_three_times_fails_with_its_reason(factory: RealFactory) -> None:
    remote = factory.remote("stuck")
    agent = factory.folder / "stuck-agent.sh"
    agent.write_text('#!/bin/sh\nmkdir -p .ai\necho "the API is not documented" > .ai/stuck.md\n')
    agent.chmod(0o755)

    item = factory.submit(remote, engine=f"command:{agent}")
    row = factory.settled(item, "stuck")

    assert "the API is not documented" in row["reason"]
    assert row["attempts"] == 3


def test_two_items_that_name_the_same_file_are_never_worked_on_at_once(factory: RealFactory) -> None:
    remote = factory.remote("locked")
    engine, flag = waiting_agent(factory, "locked")
    first = factory.submit(remote, engine=engine, files=("out.txt",))
    eventually(flag.exists, 30, "the first one runs")

    second = factory.submit(remote, files=("out.txt",))

    factory.settled(second, "parked")
    assert first in factory.item(second)["reason"]
    assert factory.ask(Steer("cancel-2", "cancel", first, "tester")).code == "ok"
    factory.settled(second)
    check_item(factory, second, remote)


def test_an_unreachable_repository_says_so_and_waits_for_a_person(factory: RealFactory) -> None:
    item = factory.submit(factory.folder / "nowhere.git")

    row = factory.settled(item, "needs_approval")

    assert "nowhere.git" in row["reason"]


def test_the_log_holds_what_the_agent_printed(factory: RealFactory) -> None:
    remote = factory.remote("logged")
    agent = factory.folder / "talking-agent.sh"
    agent.write_text(factory.agent.read_text() + 'echo "I did line $line"\n')
    agent.chmod(0o755)

    item = factory.submit(remote, engine=f"command:{agent}")
    factory.settled(item)

    reply = factory.ask(Query("log", item))
    assert "I did line 3" in reply.data["data"]


def test_workers_are_let_go_when_the_factory_stops_and_the_work_goes_on_at_the_next_start() -> None:
    with real_factory() as factory:
        factory.up()
        remote = factory.remote("stopped")
        engine, flag = waiting_agent(factory, "stopped")
        item = factory.submit(remote, engine=engine)
        eventually(flag.exists, 30, "the agent runs")

        factory.down()

        eventually(lambda: not factory.processes(), 20, lambda: f"no process is left, there is {factory.processes()}")
        flag.unlink()
        factory.up()
        eventually(flag.exists, 30, "the agent runs again")
        assert factory.item(item)["attempts"] == 0


def test_without_the_gateway_nothing_is_delivered() -> None:
    """The agent's commits come through the gateway's conversation and the bundle that it announces, and in no other way."""
    with real_factory() as factory:
        factory.up()
        remote = factory.remote("silent")
        # Not by a signal: what is killed or hangs is replaced.
        assert factory.ask(SteerActor("stop-gateway", "stop", "gateway", "test")).code == "ok"
        eventually(lambda: "gateway" not in factory.pids(), 30, "the gateway is stopped")

        item = factory.submit(remote)
        eventually(lambda: factory.log().count("gateway did not answer") > 5, 60, "the worker's actor has asked for it often")

        assert factory.item(item)["status"] == "assigned"
        assert item not in git(remote, "show-ref")
        assert factory.ask(SteerActor("start-gateway", "start", "gateway", "test")).code == "ok"
        assert factory.settled(item)["setbacks"] == 0
