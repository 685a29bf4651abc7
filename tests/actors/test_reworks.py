"""The attempt that reworks a pull request: what it begins with, and what becomes of its result."""

from dataclasses import replace

import msgspec
import pytest

from factory.delivery_ports import ReworkOrder
from factory.domain.delivery import digest
from factory.domain.ids import Commit, branch_of
from factory.protocol.delivery_mail import Prepare, Prepared, PrepareFailed, Published, Rejected
from factory.protocol.mailbox import Lease
from tests.actors.following_site import Place, make
from tests.repositories import ITEM, Tree, git, result_of

__all__ = ["make"]


@pytest.fixture
def place(make) -> Place:
    """With a real remote."""
    made: Place = make(git=True)
    return made


def _begun(place: Place, conflicts: bool = False) -> Commit:
    """A first attempt was published, and its pull request needs rework."""
    remote = place.site.remote
    place.site.result({"a.txt": "a\n"})
    place.site.settle()
    head = Commit(remote.branches()[f"refs/heads/{branch_of(ITEM)}"])
    place.store.orders[ITEM] = ReworkOrder(branch_of(ITEM), head, (head,), ("the check unit ended with failure",), "> 2 failed", conflicts)
    return head


def _prepare(place: Place) -> Prepared | PrepareFailed:
    place.site.actor.on_mail(Prepare(Lease(ITEM, 2), place.site.remote.repo, "main"))
    place.until(lambda: place.site.queue.told)
    mail = place.site.queue.told.pop()[1]
    assert isinstance(mail, Prepared | PrepareFailed)
    return mail


def test_an_attempt_to_rework_begins_at_the_branch_with_its_task_and_the_base_to_merge(place: Place) -> None:
    head = _begun(place, conflicts=True)
    base = place.site.remote.push({"theirs.txt": "x\n"})

    mail = _prepare(place)

    assert isinstance(mail, Prepared)
    assert (mail.base_commit, mail.merge, mail.evidence) == (head, base, "> 2 failed")
    assert mail.task.startswith("Rework: the check unit ended with failure.")
    assert "Merge `origin/main`" in mail.task


def test_every_other_attempt_begins_at_the_base_branch(place: Place) -> None:
    mail = _prepare(place)

    assert isinstance(mail, Prepared)
    assert (mail.base_commit, mail.task, mail.merge) == (place.site.remote.branches()["refs/heads/main"], "", "")


def test_an_attempt_does_not_go_on_with_what_somebody_else_pushed(place: Place) -> None:
    _begun(place)
    theirs = place.site.remote.push({"theirs.txt": "x\n"}, branch_of(ITEM))

    mail = _prepare(place)

    assert isinstance(mail, PrepareFailed)
    assert (mail.failure, f"it is at {theirs[:12]}" in mail.reason) == ("policy", True)


def test_an_attempt_whose_branch_was_deleted_waits_for_a_person(place: Place) -> None:
    _begun(place)
    git(place.site.remote.bare, "update-ref", "-d", f"refs/heads/{branch_of(ITEM)}")

    mail = _prepare(place)

    assert isinstance(mail, PrepareFailed)
    assert (mail.failure, "is gone" in mail.reason) == ("policy", True)


def test_a_rework_is_pushed_on_top_of_the_branch_and_nothing_else_is_replaced(place: Place) -> None:
    head = _begun(place)
    row = place.site.rework({"b.txt": "b\n"}, head)

    place.site.settle()

    order = place.site.pulls.orders[row.repo, row.branch]
    assert place.site.remote.branches()[f"refs/heads/{branch_of(ITEM)}"] == row.result.commit == order.head
    assert git(place.site.remote.bare, "rev-parse", f"{row.result.commit}^") == head
    assert "| 1 | none | 3 | 0 | 1 |" in order.body


def test_a_rework_is_not_pushed_over_what_came_meanwhile(place: Place) -> None:
    head = _begun(place)
    place.site.rework({"b.txt": "b\n"}, head)
    theirs = place.site.remote.push({"theirs.txt": "x\n"}, branch_of(ITEM))

    place.site.settle()

    word = place.site.queue.words[-1]
    assert isinstance(word, Rejected)
    assert (word.failure, place.site.remote.branches()[f"refs/heads/{branch_of(ITEM)}"]) == ("policy", theirs)


def test_gates_of_a_rework_are_those_of_the_base_branch_and_not_what_the_agent_made_of_them(place: Place) -> None:
    place.site.remote.push({".factory.toml": '[[gates]]\nname = "own"\ncommand = "true"\n'})
    head = _begun(place)
    row = place.site.rework({".factory.toml": "", "b.txt": "b\n"}, head)
    place.site.outbox.add(replace(row, approved_digest=digest(row.result.base_commit, row.result.commit)))

    place.site.settle()

    assert [msgspec.json.decode(order.files["verify.json"])["gate"]["name"] for order in place.site.orders] == ["own", "own"]
    assert isinstance(place.site.queue.words[-1], Published)


def test_a_rework_that_changes_nothing_is_no_result(place: Place) -> None:
    head = _begun(place)
    row = place.site.rework({"b.txt": "b\n"}, head)
    tree = Tree(place.site.folder / f"worker-{ITEM}-2")
    git(tree.folder, "reset", "--quiet", "--hard", head)
    place.site.outbox.add(replace(row, result=result_of(tree.bundle(f"origin/main..{row.branch}"), head, head)))

    place.site.settle()

    word = place.site.queue.words[-1]
    assert isinstance(word, Rejected)
    assert (word.failure, word.reason) == ("agent", "The result changes nothing.")
