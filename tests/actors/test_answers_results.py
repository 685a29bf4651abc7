"""The views about results: what they change, how their gates went, and how many attempts were made."""

from pathlib import Path
from typing import Any

import pytest

from actors.answers import About, Answers
from factory.domain.delivery import digest
from factory.protocol.attempt_mail import Finish
from factory.protocol.commands import Query, Reply, Steer
from factory.protocol.delivery_mail import Published, Rejected
from factory.protocol.mailbox import Refused as Declined
from factory.protocol.mailbox import Unavailable
from factory.protocol.result_mail import ShownFile, ShownResult, ShowResult
from factory.protocol.verification import VerifiedGate
from factory.storage.database import Database
from factory.storage.events import EventReader
from factory.storage.views import Views
from factory.storage.work_items import WorkItems
from tests.work import BASE, COMMIT, claimed, done, finish, running, submitted

_SHOWN = ShownResult((), (ShownFile("a", 1, 0),), 1, "patch", 9)
_RED = VerifiedGate("test", False, True, 1.5, "2 failed", 7)
_GREEN = VerifiedGate("lint", True, False, 0.5, "fine", 0)


class Delivery:
    def __init__(self) -> None:
        self.answer: object | None = _SHOWN
        self.asked: list[ShowResult] = []

    def read(self, asked: ShowResult) -> object | None:
        self.asked.append(asked)
        return self.answer


@pytest.fixture
def delivery() -> Delivery:
    return Delivery()


@pytest.fixture
def answers(database: Database, tmp_path: Path, delivery: Delivery) -> Answers:
    about = About("instance", "1.0", "confined", tmp_path, max_attempts=4)
    return Answers(Views(database), EventReader(database), about, lambda: 1.0, lambda: None, read=delivery.read)


def ask(answers: Answers, what: str, item: str, **more: Any) -> Reply:
    return answers.answer(Query(what, item, **more))  # type: ignore[arg-type]  # one of the literals


def waiting_for_approval(items: WorkItems) -> str:
    lease = running(items)
    finish(items, done(lease))
    with items.round() as round_:
        assert round_.rejected(Rejected(lease, "policy", "ci.yml is guarded", "ci.yml is guarded"), 0.0)
    return lease.item


def test_a_diff_is_of_exactly_the_commits_that_an_approval_is_for(answers: Answers, items: WorkItems, delivery: Delivery) -> None:
    item = waiting_for_approval(items)

    data = ask(answers, "diff", item, text="commits", offset=4).data

    assert (data["epoch"], data["base"], data["commit"], data["digest"]) == (1, BASE, COMMIT, digest(BASE, COMMIT))
    assert (data["approvable"], data["patch"], data["next"], data["files"][0]["path"]) == (True, "patch", 9, "a")
    (asked,) = delivery.asked
    assert (asked.bundle, asked.commits, asked.offset) == ("/spool/x.bundle", True, 4)


def test_a_diff_of_what_needs_no_approval_any_more_says_so(answers: Answers, items: WorkItems) -> None:
    item = waiting_for_approval(items)
    with items.round() as round_:
        round_.steer(Steer("c1", "approve", item, "me"))

    assert ask(answers, "diff", item).data["approvable"] is False


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (Unavailable("it is read"), "unavailable"), (None, "unavailable"), (Declined("gone", "not_found"), "not_found"),
        (Declined("broken"), "refused"),
    ],
)  # fmt: skip
def test_a_diff_that_cannot_be_had_says_why(answers: Answers, items: WorkItems, delivery: Delivery, answer: object, code: str) -> None:
    delivery.answer = answer

    assert ask(answers, "diff", waiting_for_approval(items)).code == code


def test_an_item_without_a_result_has_no_diff(answers: Answers, items: WorkItems) -> None:
    item = running(items).item

    assert ask(answers, "diff", item).reason == f"{item} has no result yet"
    assert ask(answers, "diff", item, epoch=7).reason == f"attempt 7 of {item} left no result"


def test_gates_are_events_of_the_item_and_part_of_its_view(answers: Answers, items: WorkItems) -> None:
    lease = running(items)
    finish(items, done(lease))
    with items.round() as round_:
        assert round_.rejected(Rejected(lease, "gate", "red", "2 failed", (_GREEN, _RED)), 0.0)

    events = ask(answers, "events", lease.item).data["events"]
    shown = ask(answers, "item", lease.item).data

    verified = [row for row in events if row["type"].startswith("GATE.")]
    assert [row["type"] for row in verified] == ["GATE.VERIFICATION.PASSED", "GATE.VERIFICATION.FAILED"]
    assert verified[1]["data"] == {
        "gate": "test", "required": True, "seconds": 1.5, "code": 7, "output": "2 failed", "epoch": 1,
    }  # fmt: skip
    assert [(row["name"], row["passed"], row["code"], row["required"]) for row in shown["gates"]] == [
        ("lint", True, 0, False), ("test", False, 7, True),
    ]  # fmt: skip


def test_gates_that_passed_are_told_once_however_often_the_publication_is_reported(answers: Answers, items: WorkItems) -> None:
    lease = running(items)
    finish(items, done(lease))
    for _ in range(2):
        with items.round() as round_:
            assert round_.published(Published(lease, "url", COMMIT, gates=(_GREEN,)))

    assert len(ask(answers, "item", lease.item).data["gates"]) == 1


def test_attempts_made_are_told_beside_those_that_count(answers: Answers, items: WorkItems) -> None:
    lease = running(items)
    finish(items, Finish(lease, 0, "infra", "the machine"))
    row = ask(answers, "item", lease.item).data

    assert (row["item"]["attempts"], row["item"]["attempts_made"], row["max_attempts"]) == (0, 1, 4)


def test_a_log_of_an_attempt_that_was_never_made_is_not_found(answers: Answers, items: WorkItems) -> None:
    submitted(items)
    item = claimed(items)[0].lease.item

    assert ask(answers, "log", item, epoch=9).code == "not_found"
    assert ask(answers, "log", item, epoch=1).code == "ok"


def test_what_a_stuck_attempt_came_to_is_kept_for_people_and_for_the_next_one(answers: Answers, items: WorkItems) -> None:
    lease = running(items)
    finish(items, Finish(lease, 0, "stuck", "no progress", "cannot find my key"))

    assert ask(answers, "item", lease.item).data["item"]["evidence"] == "cannot find my key"
