"""The store of learnings on a real database: taken once, active while published, found exactly."""

import math
import random

import pytest

from factory.learning_ports import Taking
from factory.protocol.commands import Steer
from factory.protocol.delivery_mail import Rejected
from factory.protocol.mailbox import Lease
from factory.storage.database import Database
from factory.storage.events import EventReader
from factory.storage.learnings import Learnings
from factory.storage.work_items import WorkItems
from tests.learnings import MODEL, published, result, result_of, rows, taken, vector
from tests.work import claimed


@pytest.fixture
def learnings(database: Database) -> Learnings:
    return Learnings(database)


def steer(items: WorkItems, verb: str, item: str) -> None:
    with items.round() as round_:
        reply, _ = round_.steer(Steer(f"{verb}-{item}", verb, item, "me"))  # type: ignore[arg-type]  # one of the literals
    assert reply.code == "ok", reply


def contents(learnings: Learnings, at: list[float], repo: str = "/repo", model: str = MODEL, count: int = 10) -> list[str]:
    found = learnings.nearest(repo, at, model, count)
    assert learnings.has_active(repo, model) == bool(found)
    return [one.content for one in found]


def test_a_result_is_taken_once_however_often_it_is_tried(items: WorkItems, learnings: Learnings, database: Database) -> None:
    lease = result(items, "use make", "use  make", "")
    (handed,) = learnings.handed_in([lease.item])
    taking = Taking(handed, MODEL, (("use make", vector(1.0)),), ())

    assert (learnings.take(taking), learnings.take(taking)) == (True, False)

    assert rows(database) == [("use make", False, MODEL, 0)]
    assert learnings.handed_in([lease.item]) == []
    assert learnings.unsettled(10) == []


def test_a_result_without_learnings_is_looked_at_once_and_leaves_no_event(
    items: WorkItems, learnings: Learnings, database: Database
) -> None:
    lease = result(items)
    before = len(EventReader(database).stream(f"item:{lease.item}"))
    assert learnings.unsettled(10) == [lease.item]

    taken(learnings, lease)

    assert learnings.unsettled(10) == []
    assert len(EventReader(database).stream(f"item:{lease.item}")) == before


def test_what_was_refused_is_told_without_what_it_said_and_the_chain_holds(
    items: WorkItems, learnings: Learnings, database: Database
) -> None:
    token = "ghp_" + "a1B2c3D4e5" * 4
    lease = result(items, "use make", f"log in with {token}")

    taken(learnings, lease)

    trail = EventReader(database)
    event = trail.stream(f"item:{lease.item}")[-1]
    assert (event.type, event.data["kept"], event.data["refused"]) == ("LEARNING.TAKEN.SUCCESS", 1, 1)
    assert token not in str(event.data)
    assert trail.verify(f"item:{lease.item}") is None


def test_learnings_are_active_exactly_while_their_result_stands_published(
    items: WorkItems, learnings: Learnings, database: Database
) -> None:
    lease = result(items, "use make")
    taken(learnings, lease)
    assert learnings.settle([lease.item]) == 0

    published(items, lease)
    assert learnings.unsettled(10) == [lease.item]
    assert (learnings.settle([lease.item]), learnings.settle([lease.item])) == (1, 0)
    assert rows(database)[0][1] is True

    with database.transaction() as cursor:
        cursor.execute("UPDATE work_items SET status = 'cancelled'")
    assert learnings.unsettled(10) == [lease.item]
    assert learnings.settle([lease.item]) == 1
    assert rows(database)[0][1] is False


def test_of_two_attempts_only_the_published_one_teaches(items: WorkItems, learnings: Learnings, database: Database) -> None:
    first = result(items, "skip the gates")
    with items.round() as round_:
        assert round_.rejected(Rejected(first, "policy", "a guarded path"), 0.0)
    steer(items, "reject", first.item)
    steer(items, "retry", first.item)
    second = published(items, result_of(items, claimed(items)[0].lease, "use make"))
    assert second == Lease(first.item, 2)
    taken(learnings, second)

    learnings.settle([first.item])

    assert [(content, active) for content, active, _, _ in rows(database)] == [("skip the gates", False), ("use make", True)]
    assert contents(learnings, vector(1.0)) == ["use make"]


def test_the_search_is_exact_inside_a_repository(items: WorkItems, learnings: Learnings) -> None:
    """Many near ones in another repository are what makes an approximate index with a filter return nothing."""
    dice = random.Random(7)
    angles = {f"lesson {number}": dice.uniform(0.0, 1.5) for number in range(60)}
    for number, (text, angle) in enumerate(angles.items()):
        repo = "/small" if number % 10 == 0 else "/large"
        taken(learnings, published(items, result(items, text, repo=repo)), at=vector(math.cos(angle), math.sin(angle)))
    learnings.settle(learnings.unsettled(100))

    found = learnings.nearest("/small", vector(1.0), MODEL, 5)

    wanted = sorted((text for number, text in enumerate(angles) if number % 10 == 0), key=lambda text: angles[text])[:5]
    assert [one.content for one in found] == wanted
    assert [one.similarity for one in found] == pytest.approx([math.cos(angles[text]) for text in wanted], abs=1e-5)
    assert contents(learnings, vector(1.0), repo="") == sorted(angles, key=lambda text: angles[text])[:10]
    assert contents(learnings, vector(1.0), repo="/none") == []


def test_vectors_of_two_models_are_never_compared(items: WorkItems, learnings: Learnings) -> None:
    taken(learnings, published(items, result(items, "old")), model="old-model")
    taken(learnings, published(items, result(items, "new")))
    learnings.settle(learnings.unsettled(10))
    assert (contents(learnings, vector(1.0)), contents(learnings, vector(1.0), model="old-model")) == (["new"], ["old"])

    ((number, text),) = learnings.of_another_model(MODEL, 0, 10)
    learnings.embed(MODEL, [(number, vector(0.0, 1.0))])

    assert text == "old"
    assert contents(learnings, vector(0.0, 1.0)) == ["old", "new"]
    assert learnings.of_another_model(MODEL, 0, 10) == []


def test_uses_are_counted(items: WorkItems, learnings: Learnings, database: Database) -> None:
    taken(learnings, published(items, result(items, "use make", "be kind")))
    learnings.settle(learnings.unsettled(10))
    (number, *_) = [one.id for one in learnings.nearest("/repo", vector(1.0), MODEL, 1)]

    learnings.used([number])
    learnings.used([number])

    assert sorted(count for *_, count in rows(database)) == [0, 2]
