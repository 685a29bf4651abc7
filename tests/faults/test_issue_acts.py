"""What people do to an issue in a running factory: hand it in by every way at once, and end it while its agent works: F39 and F45."""

import json
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from factory.domain.ids import new_item_id
from factory.protocol.commands import Steer, Submit
from factory.standin.person import Person
from tests.faults.matrix import Matrix
from tests.real_factory import RealFactory, check_trail, left_over, real_factory
from tests.repositories import Remote
from tests.standin import TOKEN, StandIn, stand_in
from tests.waiting import eventually

pytestmark = [pytest.mark.faults, pytest.mark.timeout(300)]

REPO, LABEL = "acme/widgets", "ai-factory"
BOXES = "Do it.\n\n- [ ] Do it\n"
"""An issue with boxes is its own spec."""
AGENT = "#!/bin/sh\nexec sleep 3600\n"
"""Works until it is ended."""
SECRET = "a-secret-of-this-test-alone"
ISSUES = 5
SECONDS = 90.0
"""The bound for one step on a busy machine, not the expectation."""


@dataclass
class Scene:
    standin: StandIn
    remote: Remote
    factory: RealFactory
    inbox: Path
    ada: Person

    def items(self, number: int) -> list[dict[str, Any]]:
        return self.factory.rows("SELECT * FROM work_items WHERE source = 'github' AND source_id = %s", f"{REPO}#{number}")

    def by_file(self) -> list[dict[str, Any]]:
        return self.factory.rows("SELECT id FROM work_items WHERE source = 'inbox'")

    def dealt_with(self) -> set[int]:
        """Issues about which nothing is left to be said to the queue or on the forge."""
        return {row["number"] for row in self.factory.rows("SELECT number FROM issues WHERE number IS NOT NULL AND NOT is_pending")}

    def agents(self, item: str) -> list[str]:
        """Commands of processes that work on it."""
        found = [process for process in self.factory.processes() if item in _environment(process)]
        return [process.name() for process in found]

    def told(self) -> str:
        items = self.factory.rows("SELECT id, status, reason FROM work_items")
        return f"{items} {self.factory.log()}"


def _environment(process: psutil.Process) -> str:
    with suppress(psutil.Error):
        return json.dumps(process.environ())
    return ""


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with ExitStack() as stack:
        standin = stack.enter_context(stand_in(tmp_path_factory.mktemp("github")))
        remote = standin.repository(REPO)
        with socket.create_server(("127.0.0.1", 0)) as free:
            address = f"127.0.0.1:{free.getsockname()[1]}"
        settings = {
            "GITHUB_API_URL": standin.api, "GITHUB_TOKEN": TOKEN, "FACTORY_REPOS": REPO, "FACTORY_POLL_INTERVAL": "1s",
            "FACTORY_HTTP_LISTEN": address, "GITHUB_WEBHOOK_SECRET": SECRET,
        }  # fmt: skip
        factory = stack.enter_context(real_factory(settings))
        inbox = factory.folder / "inbox"
        agent = factory._program("patient.sh", AGENT)
        factory.environment |= {"FACTORY_INBOX": str(inbox), "FACTORY_INTAKE_ENGINE": f"command:{agent}"}
        factory.up()
        standin.hook(f"http://{address}/webhooks/github", SECRET)
        yield Scene(standin, remote, factory, inbox, standin.person("ada", REPO))
        factory.down()


def test_an_issue_that_comes_by_every_way_at_the_same_time_is_one_item(scene: Scene, matrix: Matrix) -> None:
    """F39: by label, webhook, operators and a file at once."""
    numbers = [scene.ada.open_issue(f"Issue {number}", BOXES) for number in range(ISSUES)]
    for number in numbers:
        together = threading.Barrier(len(WAYS))
        with ThreadPoolExecutor(len(WAYS)) as pool:
            for done in [pool.submit(way, scene, number, together) for way in WAYS]:
                done.result(SECONDS)
    # Everything is told once more: whoever lost the race hears of it again.
    for delivery in [one["id"] for one in scene.standin.ledger("delivery") if one["action"] == "labeled"]:
        scene.standin.redeliver(delivery)

    eventually(lambda: len(scene.by_file()) == ISSUES and scene.dealt_with() >= {*numbers}, SECONDS, scene.told)
    eventually(lambda: not scene.factory.rows("SELECT 1 FROM webhook_deliveries WHERE handled_at IS NULL"), SECONDS, scene.told)
    assert [len(scene.items(number)) for number in numbers] == [1] * ISSUES
    assert len(scene.by_file()) == ISSUES
    by_label = sum(bool(scene.factory.rows("SELECT 1 FROM issues WHERE item = %s", scene.items(number)[0]["id"])) for number in numbers)
    matrix.held("F39", "an issue comes by label, webhook, operators and a file at once", remark=f"{by_label} of {ISSUES} by the label")
    for row in scene.factory.rows("SELECT id FROM work_items"):
        assert scene.factory.ask(Steer(f"end-{row['id']}", "cancel", row["id"], "test")).code == "ok"


def _by_operator(scene: Scene, number: int, together: threading.Barrier) -> None:
    item = new_item_id()
    request = Submit(
        f"hand-{item}", item, str(scene.remote.bare), "main", "By hand", BOXES, f"command:{scene.factory.agent}", delay=3600.0,
        source="github", source_id=f"{REPO}#{number}",
    )  # fmt: skip
    together.wait(SECONDS)
    assert scene.factory.ask(request, 30.0).code in {"ok", "conflict"}


def _by_label(scene: Scene, number: int, together: threading.Barrier) -> None:
    """Which is a webhook as well, and found by the poll. Of every other issue all else comes when intake is about to take it up."""
    if number % 2:
        together.wait(SECONDS)
        scene.ada.label(number, LABEL)
        return
    scene.ada.label(number, LABEL)
    eventually(lambda: scene.factory.rows("SELECT 1 FROM issues WHERE number = %s AND state = 'accepted'", number), SECONDS, scene.told)
    together.wait(SECONDS)


def _by_file(scene: Scene, number: int, together: threading.Barrier) -> None:
    file = scene.inbox.parent / f"issue-{number}.md"
    file.write_text(f"---\nrepo: {scene.remote.bare}\n---\n# Issue {number}\n\n{BOXES}")
    together.wait(SECONDS)
    file.rename(scene.inbox / file.name)


WAYS = (_by_operator, _by_operator, _by_label, _by_file)


@pytest.mark.parametrize("how", ["closed", "unlabelled"])
def test_an_issue_that_is_ended_while_its_agent_works_ends_the_agent_and_leads_to_no_pull_request(
    scene: Scene, how: str, matrix: Matrix
) -> None:
    """F45: closed in mid-run; label removed in mid-run; no pull request afterwards."""
    number = scene.ada.open_issue("Widgets", BOXES)
    scene.ada.label(number, LABEL)
    eventually(lambda: scene.items(number) and scene.items(number)[0]["status"] == "running", SECONDS, scene.told)
    item = scene.items(number)[0]["id"]
    eventually(lambda: scene.agents(item), SECONDS, lambda: f"its agent works; {scene.told()}")
    eventually(lambda: scene.ada.labels(number) == [f"{LABEL}-processing"], SECONDS, scene.told)

    began = time.monotonic()
    if how == "closed":
        scene.ada.close(number)
    else:
        scene.ada.unlabel(number, f"{LABEL}-processing")
    eventually(lambda: scene.items(number)[0]["status"] == "cancelled", SECONDS, scene.told)
    eventually(lambda: not scene.agents(item), SECONDS, lambda: f"its agent is gone; {scene.told()}")
    took = time.monotonic() - began

    eventually(lambda: scene.ada.labels(number) == [f"{LABEL}-failed"], SECONDS, scene.told)
    eventually(lambda: not left_over(scene.factory, item), SECONDS, lambda: f"nothing is left: {left_over(scene.factory, item)}")
    assert scene.items(number)[0]["reason"] == "cancelled by github:ada"
    assert scene.standin.ledger("pull", "ref") == []
    assert list(scene.remote.branches()) == ["refs/heads/main"]
    check_trail(scene.factory, item)
    # The forge and its poll are part of what is measured, so it has no bound of its own.
    matrix.held("F45", f"an issue is {how} while its agent works", took, remark="from the act to no agent")
