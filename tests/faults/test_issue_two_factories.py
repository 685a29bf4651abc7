"""Two running factories that are told of every issue of one repository at the same moment: each has one pull request, of one of them."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.faults.matrix import Matrix
from tests.issue_way import AGENT, LABEL, SETTINGS, Scene, by_token, scene
from tests.real_factory import RealFactory, real_factory
from tests.waiting import eventually

pytestmark = [pytest.mark.faults, pytest.mark.timeout(300)]

ISSUES = 4
POINT = "issue-word-said"
SECRET = "a-secret-of-this-test-alone"
SECONDS = 120.0


@dataclass
class Both:
    way: Scene
    factories: tuple[RealFactory, RealFactory]

    def items(self) -> list[tuple[str, str]]:
        """Living ones of all factories: id and status."""
        rows = [row for each in self.factories for row in each.rows("SELECT id, status FROM work_items WHERE status <> 'cancelled'")]
        return sorted((row["id"], row["status"]) for row in rows)

    def told(self) -> str:
        told = [each.rows("SELECT key, state, reason FROM issues") for each in self.factories]
        return f"{self.items()} {told} {[each.log()[-2_000:] for each in self.factories]}"


@pytest.fixture
def both(tmp_path: Path) -> Iterator[Both]:
    with ExitStack() as stack:
        addresses = [_free() for _ in range(2)]
        settings = [{"FACTORY_HTTP_LISTEN": address, "GITHUB_WEBHOOK_SECRET": SECRET} for address in addresses]
        way = stack.enter_context(scene(tmp_path / "github", settings[0]))
        other = stack.enter_context(real_factory({**by_token(way.standin), **SETTINGS, **settings[1]}))
        other.environment["FACTORY_INTAKE_ENGINE"] = f"command:{other._program('agent.sh', AGENT)}"
        for factory in (way.factory, other):
            factory.up()
        for address in addresses:
            way.standin.hook(f"http://{address}/webhooks/github", SECRET)
        yield Both(way, (way.factory, other))
        for factory in (way.factory, other):
            factory.down()


def _free() -> str:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return f"127.0.0.1:{free.getsockname()[1]}"


def test_each_issue_becomes_one_pull_request_of_one_of_them(both: Both, matrix: Matrix) -> None:
    way = both.way
    # Both have an item of it, and neither has said so.
    for factory in both.factories:
        factory.hold(POINT)
    issues = [way.open_issue("Say hello")]
    for factory in both.factories:
        eventually(lambda factory=factory: factory.held(POINT), SECONDS, both.told)  # type: ignore[misc] # bound now
    for factory in both.factories:
        factory.forget_holds()
    issues += [way.open_issue(f"Say hello {number}") for number in range(1, ISSUES)]

    eventually(lambda: [status for _, status in both.items()] == ["in_review"] * ISSUES, SECONDS, both.told)
    eventually(lambda: all(way.said(issue)["taken"] for issue in issues), SECONDS, both.told)

    heads = [entry["head"] for entry in way.standin.ledger("pull")]
    assert sorted(heads) == sorted(f"factory/{item}" for item, _ in both.items())
    assert [way.labels(issue) for issue in issues] == [[f"{LABEL}-processing"]] * ISSUES
    assert [way.said(issue) for issue in issues] == [{"taken": 1}] * ISSUES
    way.check_refs(*(item for item, _ in both.items()))
    shares = [len(each.rows("SELECT 1 FROM work_items WHERE status <> 'cancelled'")) for each in both.factories]
    left = sum(len(each.rows("SELECT 1 FROM issues WHERE reason LIKE 'another factory%%'")) for each in both.factories)
    assert left >= 1
    remark = f"shares {shares}, left to the other {left} times"
    matrix.held("F54", "two factories watch one repository", remark=remark, items=ISSUES)
