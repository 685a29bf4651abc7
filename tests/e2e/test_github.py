"""A real factory and a GitHub on this machine: failures by script, processes killed, and one pull request at the end."""

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from factory.standin.failures import Failure
from tests.living_folder import holders_below
from tests.real_factory import RealFactory, check_item, left_over, real_factory
from tests.repositories import Remote
from tests.standin import TOKEN, StandIn, stand_in
from tests.waiting import eventually

_REPO = "acme/widgets"
_GATES = '[[gates]]\nname = "test"\ncommand = "test -s out.txt"\n'


@pytest.fixture(scope="module")
def standin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandIn]:
    with stand_in(tmp_path_factory.mktemp("github")) as standin:
        yield standin


@pytest.fixture(scope="module")
def remote(standin: StandIn) -> Remote:
    return standin.repository(_REPO, {"README.md": "hello\n", ".factory.toml": _GATES})


@pytest.fixture(scope="module")
def factory(standin: StandIn) -> Iterator[RealFactory]:
    with real_factory({"GITHUB_API_URL": standin.api, "GITHUB_TOKEN": TOKEN, "FACTORY_FOLLOW_PULLS": "false"}) as factory:
        yield factory


@pytest.fixture
def up(factory: RealFactory, standin: StandIn) -> RealFactory:
    standin.fails()
    factory.ensure_up()
    factory.forget_holds()
    return factory


def one_pull_request(factory: RealFactory, standin: StandIn, item: str, remote: Remote) -> None:
    """On the forge, in its ledger and in the factory's own record: one, at the accepted commit."""
    check_item(factory, item, remote.bare)
    branch = f"factory/{item}"
    (made,) = (entry for entry in standin.ledger("pull") if entry["head"] == branch)
    (pull,) = (one for one in standin.pulls() if one["head"] == branch)
    (row,) = factory.rows("SELECT * FROM pull_requests WHERE item = %s", item)
    (update,) = (entry for entry in standin.ledger("ref") if entry["ref"] == branch)
    assert (pull["number"], pull["sha"]) == (made["number"], update["new"])
    assert (row["number"], row["head"], row["url"]) == (pull["number"], pull["sha"], f"{standin.api}/{_REPO}/pull/{pull['number']}")
    assert factory.item(item)["pr_url"] == row["url"]


SCRIPT = [
    ("POST git-receive-pack", Failure.RESET_AFTER),
    ("GET pulls", Failure.RESET_BEFORE),
    ("GET repo", Failure.SECONDARY_LIMIT, 1, 2.0),
    ("POST pulls", Failure.ERROR_BEFORE),
    ("POST pulls", Failure.ERROR_AFTER),
]


def test_a_spec_becomes_one_pull_request_whatever_github_answers(up, standin, remote) -> None:
    standin.fails(*SCRIPT)

    item = up.submit(standin.address(_REPO))
    up.settled(item)

    failed = [entry["failure"] for entry in standin.ledger("failure")]
    assert sorted(failed) == sorted(rule[1] for rule in SCRIPT)
    one_pull_request(up, standin, item, remote)


@pytest.mark.parametrize("point", ["pushed", "pull_request_opened", "recorded"])
def test_delivery_killed_after_an_effect_on_github_leads_to_one_pull_request(up, standin, remote, point) -> None:
    up.hold(point)
    item = up.submit(standin.address(_REPO))
    eventually(lambda: up.held(point), 60, lambda: f"{point} is reached; {up.log()}")

    os.kill(up.pids()["delivery"], signal.SIGKILL)
    up.release(point)
    up.settled(item)

    one_pull_request(up, standin, item, remote)
    eventually(lambda: not left_over(up, item), 30, lambda: f"nothing is left over, there is {left_over(up, item)}")


def test_a_failure_of_github_is_told_while_it_lasts_and_no_attempt_is_burnt(up, standin, remote) -> None:
    standin.fails(("POST pulls", Failure.ERROR_BEFORE, -1))
    item = up.submit(standin.address(_REPO))

    eventually(lambda: "GitHub could not answer" in error_of(up, item), 60, lambda: f"the error is told; {up.log()}")
    assert up.item(item)["status"] == "publishing"
    standin.fails()
    up.settled(item)

    one_pull_request(up, standin, item, remote)


def error_of(factory: RealFactory, item: str) -> str:
    return " ".join(row["last_error"] for row in factory.rows("SELECT last_error FROM outbox WHERE item = %s", item))


def test_the_token_is_known_to_the_root_and_to_delivery_and_stands_nowhere(up, standin, remote) -> None:
    """S4: credentials only where they are used; canaries in no file, log or bundle."""
    program = up._program("nosy.sh", f"#!/bin/sh\nenv > {up.folder}/seen-$$\n{Path(up.agent).read_text().removeprefix('#!/bin/sh')}")
    item = up.submit(standin.address(_REPO), engine=f"command:{program}")
    up.settled(item)

    seen = list(up.folder.glob("seen-*"))
    assert seen
    assert list(holders_below(up.folder, TOKEN.encode())) == []
    # What a process got after its start is not in its environment as the system shows it: delivery's by an order, nobody else's at all.
    assert [process.pid for process in up.processes() if TOKEN in json.dumps(_environ(process))] == [up.pids()["root"]]
    assert TOKEN not in json.dumps(up.rows("SELECT data FROM events"))


def _environ(process: psutil.Process) -> dict[str, str]:
    try:
        return process.environ()
    except psutil.Error:
        return {}
