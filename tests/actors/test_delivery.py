"""Delivery, with real git and a real bare remote: every accepted result ends in one pull request or one clear reason."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from actors.delivery import DeliverySettings
from actors.verification import MAX_UNREPORTED
from factory.domain.delivery import digest
from factory.domain.gates import Gate
from factory.domain.ids import Commit, ItemId
from factory.protocol.delivery_mail import OutboxReady, Published, Rejected
from factory.protocol.verification import VerifiedGate, VerifyReport
from factory.worker_ports import Isolation
from tests.actors.delivery_site import GATES, Site, all_green, all_red
from tests.fakes.worker_host import FakeWorkerHost
from tests.repositories import ITEM

_BRANCH = f"refs/heads/factory/{ITEM}"
_OTHER = ItemId("9876543210")

Make = Callable[..., Site]


# -- the way to the pull request --------------------------------------------------------------------------------------


def test_a_good_result_becomes_a_branch_and_a_pull_request_and_leaves_nothing(make: Make) -> None:
    site = make(settings=GATES)
    row = site.result({"a.txt": "a\n"})

    site.settle()

    url = f"{site.remote.repo}#factory/{ITEM}"
    passed = VerifiedGate("tests", True, True, 0.1, "fine")
    assert site.queue.words == [Published(row.lease, url, row.result.commit, gates=(passed,))]
    assert site.remote.branches()[_BRANCH] == row.result.commit
    body = site.pulls.orders[row.repo, row.branch].body
    assert "| tests | passed |" in body
    assert "- `Add a`" in body
    assert site.left_over() == []


def test_the_verification_is_of_exactly_the_commit_in_the_import_and_of_the_base_branchs_own_gates(make: Make) -> None:
    own = '[[gates]]\nname = "own"\ncommand = "make check"\ntimeout = "30s"\n'
    site = make(files={".factory.toml": own, "README.md": "x\n"}, settings=GATES)
    row = site.result({"a.txt": "a\n", "README.md": "y\n"})
    site.settle()

    (order,) = site.orders
    imported = site.folder / "imports" / f"{ITEM}-1.git"
    assert (order.name, order.arguments, order.readable) == (f"verify-0-{ITEM}-1", ("verify",), (imported,))
    assert b'"commit":"' + row.result.commit.encode() in order.files["verify.json"]
    assert b'"command":"make check","timeout":30.0' in order.files["verify.json"]


def test_each_gate_has_a_fresh_worker_of_its_own_and_all_are_told(make: Make) -> None:
    gates = tuple(Gate(name, f"run {name}", required=name != "lint") for name in ("tests", "scan", "lint"))
    site = make(settings=DeliverySettings(gates=gates), verdict=lambda order: (all_green if order.gate.name == "scan" else all_red)(order))
    row = site.result({"a.txt": "a\n"})

    site.settle()

    assert [order.name for order in site.orders] == [f"verify-{number}-{ITEM}-1" for number in range(3)]
    assert site.most_workers == 1
    (word,) = site.queue.words
    assert isinstance(word, Rejected)
    assert (word.failure, word.reason) == ("gate", f"Required gate red on {row.result.commit[:12]}: tests.")
    assert site.outbox.errors == []


def test_gates_of_what_a_confined_worker_elsewhere_made_never_run_unconfined_here(make: Make) -> None:
    site = make(settings=DeliverySettings(gates=(Gate("tests", "make test"),)), host=FakeWorkerHost(isolation=Isolation.UNCONFINED))
    site.result({"a": "1"}, host="anvil", isolation="confined")

    site.settle()

    (word,) = site.queue.words
    assert isinstance(word, Rejected)
    assert (word.failure, word.reason[:46]) == ("policy", "Its worker on anvil was kept from that machine")
    assert (site.orders, site.remote.branches().get(_BRANCH)) == ([], None)


@pytest.mark.parametrize(("host", "grade"), [("local", "confined"), ("anvil", "unconfined"), ("", "")])
def test_gates_run_here_as_far_as_the_worker_was_no_more_confined_elsewhere(make: Make, host: str, grade: str) -> None:
    site = make(settings=DeliverySettings(gates=(Gate("tests", "make test"),)), host=FakeWorkerHost(isolation=Isolation.UNCONFINED))
    site.result({"a": "1"}, host=host, isolation=grade)

    site.settle()

    assert [order.name[:8] for order in site.orders] == ["verify-0"]


def test_without_gates_nothing_is_run_and_the_pull_request_says_so(make: Make) -> None:
    site = make()
    row = site.result({"a.txt": "a\n"})

    site.settle()

    assert site.orders == []
    assert "has no gates" in site.pulls.orders[row.repo, row.branch].body


def test_results_of_several_items_are_published_beside_each_other(make: Make) -> None:
    site = make(settings=GATES)
    rows = [site.result({f"{item}.txt": "a\n"}, item) for item in (ITEM, _OTHER)]

    site.settle()

    assert {word.lease for word in site.queue.words} == {row.lease for row in rows}
    assert {ref.number for ref in site.pulls.refs.values()} == {1, 2}


def test_a_second_attempt_moves_the_branch_of_the_same_pull_request(make: Make) -> None:
    site = make()
    first = site.result({"a.txt": "one\n"})
    site.settle()
    second = site.result({"a.txt": "two\n"}, epoch=2, earlier_heads=(Commit(first.result.commit),))

    site.settle()

    (ref,) = site.pulls.refs.values()
    assert ref.head == site.remote.branches()[_BRANCH] == second.result.commit


def test_a_commit_pushed_by_an_attempt_that_was_given_up_makes_way_for_the_next_one(make: Make) -> None:
    site = make()
    first = site.result({"a.txt": "one\n"})
    site.traps["pulls"].set("open", after=False)
    with pytest.raises(BaseException, match="open"):
        site.settle()
    site.outbox.close(first.lease)
    site.restart()
    second = site.result({"a.txt": "two\n"}, epoch=2, earlier_heads=(Commit(first.result.commit),))

    site.settle()

    assert site.remote.branches()[_BRANCH] == second.result.commit
    assert len(site.pulls.refs) == 1


# -- every step may be cut off ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize(
    ("port", "method"),
    [
        ("outbox", "open"),
        ("repositories", "import_bundle"),
        ("repositories", "inspect"),
        ("repositories", "read"),
        ("host", "start"),
        ("host", "collect"),
        ("host", "remove"),
        ("pulls", "find"),
        ("repositories", "push"),
        ("pulls", "open"),
        ("mailbox", "ask"),
        ("repositories", "discard"),
    ],
)
def test_a_process_killed_at_any_step_leads_to_one_branch_and_one_pull_request(make: Make, port: str, method: str, after: bool) -> None:
    site = make(settings=GATES)
    row = site.result({"a.txt": "a\n"})
    before = site.remote.branches()
    site.traps[port].set(method, after=after)

    site.survive()

    assert site.traps[port].method == "", "the trap was never reached"
    assert site.remote.branches() == before | {_BRANCH: row.result.commit}
    assert [ref.head for ref in site.pulls.refs.values()] == [row.result.commit]
    assert [type(word) for word in site.queue.words] == [Published]
    assert site.left_over() == []


# -- what is no good --------------------------------------------------------------------------------------------------


def test_a_red_required_gate_stops_the_result_before_anything_is_pushed(make: Make) -> None:
    site = make(settings=GATES, verdict=all_red)
    row = site.result({"a.txt": "a\n"})
    before = site.remote.branches()

    site.settle()

    sentence = f"Required gate red on {row.result.commit[:12]}: tests."
    evidence = "== tests: failed after 0.1 s\n2 failed"
    red = VerifiedGate("tests", False, True, 0.1, "2 failed")
    assert site.queue.words == [Rejected(row.lease, "gate", sentence, evidence, (red,))]
    assert site.remote.branches() == before
    assert (site.pulls.refs, site.left_over()) == ({}, [])


def test_a_red_advisory_gate_is_told_and_stops_nothing(make: Make) -> None:
    site = make(settings=DeliverySettings(gates=(Gate("lint", "x", required=False),)), verdict=all_red)
    row = site.result({"a.txt": "a\n"})

    site.settle()

    assert "failed (advisory)" in site.pulls.orders[row.repo, row.branch].body


def test_a_report_about_another_commit_or_without_a_gate_is_no_report_and_burns_no_attempt(make: Make) -> None:
    reports = iter([VerifyReport("0" * 40), None, VerifyReport(error="no space"), None])
    site = make(settings=GATES, verdict=lambda _: next(reports))
    row = site.result({"a.txt": "a\n"})

    site.settle()

    assert len(site.orders) == MAX_UNREPORTED
    (word,) = site.queue.words
    assert isinstance(word, Rejected)
    assert (word.lease, word.failure) == (row.lease, "infra")
    assert word.reason.endswith("3 times: no space")


def test_a_worker_that_never_ends_is_removed_and_made_again(make: Make) -> None:
    site = make(settings=GATES)
    site.result({"a.txt": "a\n"})
    site.actor.on_mail(OutboxReady())
    site.idle = True
    site.until(lambda: site.host.workers)
    site.clock.advance(10_000.0)
    site.until(lambda: site.outbox.errors)
    site.idle = False

    site.settle()

    assert site.outbox.errors == ["The worker that ran the gates ended without a report."]
    assert isinstance(site.queue.words[0], Published)


def test_a_guarded_file_waits_for_a_person_and_goes_through_with_their_yes_to_this_very_result(make: Make) -> None:
    """S6: guarded paths."""
    site = make(settings=GATES)
    row = site.result({".github/workflows/ci.yml": "on: push\n"})
    site.settle()
    (word,) = site.queue.words
    assert isinstance(word, Rejected)
    assert (word.failure, site.pulls.refs) == ("policy", {})
    yes = digest(row.result.base_commit, row.result.commit)

    site.outbox.add(replace(row, approved_digest=yes))
    site.settle()

    assert isinstance(site.queue.words[1], Published)
    assert site.remote.branches()[_BRANCH] == row.result.commit


def test_a_yes_to_another_result_is_none_to_this_one(make: Make) -> None:
    site = make()
    site.result({".github/workflows/ci.yml": "on: push\n"}, approved_digest=digest("a" * 40, "b" * 40))

    site.settle()

    assert isinstance(site.queue.words[0], Rejected)


def test_a_file_that_another_item_holds_waits_for_a_person(make: Make) -> None:
    site = make()
    site.locks.held = {"a.txt": f"{_OTHER}-1", "b.txt": f"{ITEM}-1"}
    site.result({"a.txt": "a\n", "b.txt": "b\n"})

    site.settle()

    (word,) = site.queue.words
    assert isinstance(word, Rejected)
    assert (word.failure, word.evidence) == ("policy", f"a.txt is locked by {_OTHER}-1")


def test_a_bundle_that_is_not_the_one_handed_in_costs_the_agent_nothing(make: Make) -> None:
    site = make()
    row = site.result({"a.txt": "a\n"})
    Path(row.result.bundle).write_bytes(b"something else")

    site.settle()

    (word,) = site.queue.words
    assert isinstance(word, Rejected)
    assert word.failure == "infra"


def test_a_branch_with_somebody_elses_commit_waits_for_a_person_and_is_left_alone(make: Make) -> None:
    site = make()
    site.result({"a.txt": "a\n"})
    theirs = site.remote.push({"theirs.txt": "x\n"}, f"factory/{ITEM}")

    site.settle()

    (word,) = site.queue.words
    assert isinstance(word, Rejected)
    assert word.failure == "policy"
    assert site.remote.branches()[_BRANCH] == theirs
