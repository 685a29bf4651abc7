"""Delivery when its surroundings fail, when nobody wants a result any more, and what it does for workers that wait."""

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from actors.delivery import LOOK_SECONDS, POLL_SECONDS
from factory.domain.delivery import Step
from factory.domain.ids import ItemId
from factory.errors import HostUnavailable, RepositoryUnavailable
from factory.protocol.delivery_mail import OutboxReady, Prepare, Prepared, PrepareFailed, Published
from factory.protocol.mailbox import Lease
from factory.protocol.verification import VerifyOrder
from factory.protocol.worker import GateSpec
from factory.worker_ports import Observed, WorkerOrder
from tests.actors.delivery_site import GATES, PASSED, Site
from tests.repositories import ITEM
from tests.waiting import eventually

_BRANCH = f"refs/heads/factory/{ITEM}"
_OTHER = ItemId("9876543210")

_ANY_ORDER = msgspec.json.encode(VerifyOrder("/nowhere", "0" * 40, GateSpec("tests", "true")))

Make = Callable[..., Site]


# -- what passes ------------------------------------------------------------------------------------------------------


def test_an_outage_of_the_remote_is_waited_out_without_running_the_gates_again(make: Make) -> None:
    site = make(settings=GATES)
    row = site.result({"a.txt": "a\n"})
    away = site.remote.bare.with_name("away.git")
    site.actor.on_mail(OutboxReady())
    repositories = site.traps["repositories"].port
    site.traps["repositories"].port = _Away(repositories)

    site.until(lambda: len(site.outbox.errors) >= 5)
    site.traps["repositories"].port = repositories
    site.settle()

    assert not away.exists()
    assert len(site.orders) == 1
    assert site.queue.words == [Published(row.lease, f"{row.repo}#{row.branch}", row.result.commit, gates=(PASSED,))]


class _Away:
    """A remote that cannot be reached."""

    def __init__(self, port: Any) -> None:
        self._port = port

    def __getattr__(self, name: str) -> Any:
        return getattr(self._port, name)

    def push(self, *_: object) -> None:
        raise RepositoryUnavailable("The remote cannot be reached.")


def test_a_queue_that_is_away_is_told_when_it_is_back(make: Make) -> None:
    site = make()
    site.result({"a.txt": "a\n"})
    site.queue.away = True
    site.actor.on_mail(OutboxReady())
    site.until(lambda: len(site.outbox.errors) >= 2)

    site.queue.away = False
    site.settle()

    assert [type(word) for word in site.queue.words] == [Published]
    assert len(site.pulls.refs) == 1


def test_a_mirror_that_was_lost_is_made_again_for_the_import(make: Make) -> None:
    site = make()
    row = site.result({"a.txt": "a\n"})
    (mirror,) = (site.folder / "mirrors").glob("*.git")
    mirror.rename(site.folder / "elsewhere")

    site.settle()

    assert site.remote.branches()[_BRANCH] == row.result.commit


def test_an_item_cancelled_during_its_verification_is_not_pushed_and_leaves_nothing(make: Make) -> None:
    """F45: no pull request afterwards."""
    site = make(settings=GATES)
    row = site.result({"a.txt": "a\n"})
    before = site.remote.branches()
    site.actor.on_mail(OutboxReady())
    site.until(lambda: site.host.workers)

    site.outbox.close(row.lease)
    site.settle()

    assert site.remote.branches() == before
    assert (site.queue.words, site.left_over()) == ([], [])


def test_only_so_many_verifications_run_at_the_same_time(make: Make) -> None:
    site = make(settings=replace(GATES, verifications=1))
    for item in (ITEM, _OTHER):
        site.result({f"{item}.txt": "a\n"}, item)

    site.settle()

    assert site.most_workers == 1
    assert len(site.orders) == 2


def test_a_verification_that_a_killed_process_left_and_nobody_wants_is_removed(make: Make) -> None:
    site = make(settings=GATES)
    site.host.start(WorkerOrder(f"verify-0-{_OTHER}-1", ("verify",), {}))
    site.host.start(WorkerOrder(f"{_OTHER}-1", ("run",), {}))
    site.idle = True

    site.actor.on_start()
    site.settle()

    assert list(site.host.workers) == [f"{_OTHER}-1"]


class _Dawdles:
    """A host that takes its time to tell what is there, or fails to."""

    def __init__(self, port: Any) -> None:
        self._port = port
        self.tells = threading.Event()
        self.fails = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._port, name)

    def list_owned(self) -> Sequence[Observed]:
        assert self.tells.wait(30)
        if self.fails:
            self.fails -= 1
            raise HostUnavailable("The host is away.")
        listed: Sequence[Observed] = self._port.list_owned()
        return listed


@pytest.fixture
def dawdling(make: Make) -> Iterator[tuple[Site, _Dawdles]]:
    site = make(settings=GATES)
    host = _Dawdles(site.host)
    site.traps["host"].port = host
    yield site, host
    host.tells.set()


def test_no_verification_begins_while_those_of_an_earlier_process_are_being_removed(dawdling: tuple[Site, _Dawdles]) -> None:
    site, host = dawdling
    site.idle = True
    # Nothing is open yet when it is read which verifications are wanted.
    site.actor.on_mail(OutboxReady())
    site.result({"a.txt": "a\n"})
    site.actor.on_mail(OutboxReady())
    eventually(lambda: _at(site, Step.VERIFY), what="the result is imported and checked")
    for _ in range(5):
        site.turn()
    assert site.host.workers == {}

    host.tells.set()
    site.idle = False
    site.settle()

    assert (len(site.orders), site.outbox.errors) == (1, [])
    assert [type(word) for word in site.queue.words] == [Published]


def test_what_an_earlier_process_left_is_looked_for_again_where_the_host_did_not_tell(dawdling: tuple[Site, _Dawdles]) -> None:
    site, host = dawdling
    host.fails = 1
    host.tells.set()
    site.host.start(WorkerOrder(f"verify-0-{_OTHER}-1", ("verify",), {"verify.json": _ANY_ORDER}))
    site.result({"a.txt": "a\n"})

    site.settle()

    assert [type(word) for word in site.queue.words] == [Published]
    assert site.left_over() == []


def test_what_a_cancelled_publication_left_is_removed_at_a_later_look_where_the_host_was_away(dawdling: tuple[Site, _Dawdles]) -> None:
    site, host = dawdling
    host.tells.set()
    row = site.result({"a.txt": "a\n"})
    site.idle = True
    site.actor.on_mail(OutboxReady())
    site.until(lambda: site.host.workers)

    host.fails = 5
    site.outbox.close(row.lease)
    site.until(lambda: not site.left_over())

    assert host.fails == 0, "the first tries met a host that was away"


def _at(site: Site, step: Step) -> bool:
    site.turn()
    return any(run.step is step for run in site.actor._runs.values())


def test_a_verification_of_a_later_gate_that_a_killed_process_left_is_removed_with_its_publication(make: Make) -> None:
    site = make(settings=GATES)
    site.result({"a.txt": "a\n"})
    site.host.start(WorkerOrder(f"verify-7-{ITEM}-1", ("verify",), {"verify.json": _ANY_ORDER}))

    site.actor.on_start()
    site.settle()

    assert isinstance(site.queue.words[0], Published)
    assert site.left_over() == []


def test_files_of_results_that_nobody_wants_are_removed_after_a_day_at_the_first_look_and_then_hourly(make: Make) -> None:
    site = make()
    living, waiting = Lease(_OTHER, 3), Lease(_OTHER, 2)
    site.outbox.living = {living, waiting}
    names = [f"{ITEM}-1.bundle", f".{ITEM}-1.bundle.0a1b2c3d", f"{living.worker}.bundle", f"{waiting.worker}.bundle"]
    for name in names:
        _put(site, name, age=90_000)
    _put(site, f"{ITEM}-2.bundle", age=80_000)
    (site.folder / "folder").mkdir()
    kept = {f"{living.worker}.bundle", f"{waiting.worker}.bundle", f"{ITEM}-2.bundle"}

    site.actor.on_mail(OutboxReady())
    site.until(lambda: _bundles(site) == kept)
    site.clock.advance(7_000.0)
    site.outbox.living = {living}
    site.actor.on_mail(OutboxReady())
    site.until(lambda: _bundles(site) == {f"{living.worker}.bundle"})


def _put(site: Site, name: str, age: float) -> None:
    (site.folder / name).write_bytes(b"bundle")
    then = site.clock.now() - age
    os.utime(site.folder / name, (then, then))


def _bundles(site: Site) -> set[str]:
    return {path.name for path in site.folder.glob("*.bundle*")}


def test_the_actor_looks_often_while_something_is_verified_and_seldom_else(make: Make) -> None:
    site = make(settings=GATES)
    site.until(lambda: site.actor.tick_every == LOOK_SECONDS)
    site.result({"a.txt": "a\n"})
    site.actor.on_mail(OutboxReady())
    site.idle = True
    site.until(lambda: site.actor.tick_every == POLL_SECONDS)
    site.idle = False

    site.settle()

    assert site.actor.tick_every == LOOK_SECONDS


# -- mirrors for workers ----------------------------------------------------------------------------------------------


def test_workers_that_ask_are_told_where_to_clone_from_and_what_will_count(make: Make) -> None:
    own = '[[gates]]\nname = "own"\ncommand = "make check"\n'
    site = make(files={".factory.toml": own})
    leases = [Lease(ITEM, 1), Lease(_OTHER, 2)]
    for lease in leases:
        site.actor.on_mail(Prepare(lease, site.remote.repo, "main"))

    site.until(lambda: len(site.queue.told) == 2)

    mirror = next((site.folder / "mirrors").glob("*.git"))
    base = site.remote.branches()["refs/heads/main"]
    assert [address for address, _ in site.queue.told] == [f"worker-{lease.worker}" for lease in leases]
    for lease, (_, mail) in zip(leases, site.queue.told, strict=True):
        assert isinstance(mail, Prepared)
        assert (mail.lease, mail.source, mail.base_commit) == (lease, str(mirror), base)
        assert [gate.name for gate in mail.gates] == ["own"]
    assert site.notes.notes == [(site.remote.repo, str(mirror))]


def test_a_repository_without_gates_of_its_own_has_those_of_the_settings(make: Make) -> None:
    site = make(settings=GATES)

    site.actor.on_mail(Prepare(Lease(ITEM, 1), site.remote.repo, "main"))
    site.until(lambda: site.queue.told)

    (_, mail) = site.queue.told[0]
    assert isinstance(mail, Prepared)
    assert [gate.name for gate in mail.gates] == ["tests"]


@pytest.mark.parametrize(
    ("repo", "branch", "failure", "reason"),
    [
        ("", "trunk", "policy", "has no branch 'trunk'"),
        ("/nonexistent", "main", "policy", "there is no git repository"),
        ("http://127.0.0.1:9/x.git", "main", "infra", "cannot be reached"),
    ],
)
def test_what_cannot_be_cloned_is_told_with_whose_matter_it_is(make: Make, repo: str, branch: str, failure: str, reason: str) -> None:
    site = make()

    site.actor.on_mail(Prepare(Lease(ITEM, 1), repo or site.remote.repo, branch))
    site.until(lambda: site.queue.told)

    (_, mail) = site.queue.told[0]
    assert isinstance(mail, PrepareFailed)
    assert mail.failure == failure
    assert reason in mail.reason
    assert site.notes.notes[0][1].startswith("failed: ")


def test_a_bad_file_of_gates_is_a_matter_for_the_person_who_wrote_it(make: Make) -> None:
    site = make(files={".factory.toml": "gates = 3\n"})

    site.actor.on_mail(Prepare(Lease(ITEM, 1), site.remote.repo, "main"))
    site.until(lambda: site.queue.told)

    (_, mail) = site.queue.told[0]
    assert mail == PrepareFailed(Lease(ITEM, 1), "policy", ".factory.toml: gates are written as [[gates]] tables.")
