"""The lock manager's actor on a real database."""

from collections.abc import Sequence

import pytest

from actors.lock_manager import LockManager
from factory.errors import StoreUnavailable
from factory.protocol.attempt_mail import Finish
from factory.protocol.lock_mail import Acquire, LockVerdict, Release, Unparked
from factory.protocol.mailbox import Lease, Refused, Stale
from factory.storage.database import Database
from factory.storage.locks import LockStore
from factory.storage.views import Views
from factory.storage.work_items import WorkItems
from tests.fakes.clock import ManualClock
from tests.fakes.recording_mailbox import RecordingMailbox
from tests.work import finish, running

REPO = "/repo"


class Locks:
    """An actor with what it stands on."""

    def __init__(self, database: Database, locks: LockStore | None = None) -> None:
        self.mail = RecordingMailbox()
        self._database = database
        self.actor = LockManager(mailbox=self.mail, clock=ManualClock(), store=locks or LockStore(database), sweep_every=5.0)

    def acquire(self, lease: Lease, *files: str) -> object:
        return self.actor.on_mail(Acquire(lease, REPO, files))

    def release(self, lease: Lease, *files: str) -> None:
        self.actor.on_mail(Release(lease, files))

    def held(self) -> dict[str, str]:
        return {row["file_path"]: row["worker_id"] for row in Views(self._database).locks()}

    def freed(self) -> int:
        return len(self.mail.to("queue", Unparked))


@pytest.fixture
def locks(database: Database) -> Locks:
    return Locks(database)


def test_free_files_are_granted_in_one_form(locks: Locks, items: WorkItems) -> None:
    lease = running(items)

    assert locks.acquire(lease, "./src//b.py", "a.py") == LockVerdict(granted=True)
    assert locks.held() == {"a.py": lease.worker, "src/b.py": lease.worker}


def test_who_is_in_the_way_is_named_and_nothing_is_granted(locks: Locks, items: WorkItems) -> None:
    holder, other = running(items), running(items)
    locks.acquire(holder, "a.py")

    verdict = locks.acquire(other, "a.py", "b.py")

    assert verdict == LockVerdict(granted=False, holders=(f"a.py: {holder.worker}",))
    assert locks.held() == {"a.py": holder.worker}


def test_what_names_no_file_of_a_repository_is_refused(locks: Locks, items: WorkItems) -> None:
    answer = locks.acquire(running(items), "../etc/passwd")

    assert isinstance(answer, Refused)
    assert answer.code == "invalid"


def test_a_lease_that_is_over_is_granted_nothing(locks: Locks, items: WorkItems) -> None:
    lease = running(items)
    finish(items, Finish(lease, 0, "agent", "gave up"))

    answer = locks.acquire(lease, "a.py")

    assert isinstance(answer, Stale)
    assert locks.held() == {}


def test_released_files_wake_who_waits_for_them(locks: Locks, items: WorkItems) -> None:
    lease = running(items)
    locks.acquire(lease, "a.py", "src/b.py", "c.py")

    locks.release(lease, "./src/b.py")
    assert (set(locks.held()), locks.freed()) == ({"a.py", "c.py"}, 1)

    locks.release(lease)
    assert (locks.held(), locks.freed()) == ({}, 2)


@pytest.mark.parametrize("files", [("a\0.py",), ("/a.py",), ("b.py",)], ids=["zero byte", "absolute", "not held"])
def test_a_release_of_what_is_not_held_changes_nothing(locks: Locks, items: WorkItems, files: Sequence[str]) -> None:
    lease = running(items)
    locks.acquire(lease, "a.py")

    locks.release(lease, *files)

    assert (set(locks.held()), locks.freed()) == ({"a.py"}, 0)


def test_the_sweep_takes_what_a_lost_message_left_and_says_so(locks: Locks, items: WorkItems) -> None:
    lost, living = running(items), running(items)
    locks.acquire(lost, "a.py")
    locks.acquire(living, "b.py")
    finish(items, Finish(lost, 0, "agent", "gave up"))

    locks.actor.on_tick()
    locks.actor.on_tick()

    assert (locks.held(), locks.freed()) == ({"b.py": living.worker}, 1)


class Away(LockStore):
    """Loses the connection a few times, after the grant was committed."""

    failing = 2

    def acquire(self, lease: Lease, repo: str, files: Sequence[str]) -> tuple[str, ...] | None:
        verdict = super().acquire(lease, repo, files)
        if self.failing:
            self.failing -= 1
            raise StoreUnavailable("The connection was lost at the commit.")
        return verdict


def test_an_outage_does_not_make_a_worker_stand_in_its_own_way(database: Database, items: WorkItems) -> None:
    locks = Locks(database, Away(database))

    assert locks.acquire(running(items), "a.py") == LockVerdict(granted=True)
