"""The limiter's actor on a real database."""

import pytest

from actors.limiter import Limiter
from factory.domain.limits import Limits
from factory.protocol.mailbox import Capacity, Happened, Room
from factory.storage.database import Database
from factory.storage.limits import LimitStore
from tests.fakes.clock import ManualClock
from tests.fakes.recording_mailbox import RecordingMailbox
from tests.work import running, store


def limiter(database: Database, *, max_workers: int = 2, daily: int = 3, cooldown: float = 0.0) -> Limiter:
    limits = Limits(max_workers, daily, cooldown)
    return Limiter(mailbox=RecordingMailbox(), clock=ManualClock(), store=LimitStore(database), limits=limits)


def said(database: Database) -> object:
    return LimitStore(database).read().get("dispatch")


def test_an_idle_factory_has_all_its_room(database: Database) -> None:
    assert limiter(database).on_mail(Capacity(0)) == Room(2)


def test_what_it_says_is_kept_where_everyone_can_read_it(database: Database) -> None:
    limiter(database).on_mail(Capacity(2))

    assert said(database) == {"open": 0, "reason": "all 2 workers are busy", "active": 2, "max_workers": 2}


def test_the_same_verdict_is_written_once(database: Database) -> None:
    actor = limiter(database)
    actor.on_mail(Capacity(2))
    LimitStore(database).write("dispatch", {"reason": "somebody else's"})

    actor.on_mail(Capacity(2))
    assert said(database) == {"reason": "somebody else's"}

    actor.on_mail(Capacity(1))
    assert said(database) == {"open": 1, "reason": "", "active": 1, "max_workers": 2}


def test_a_restarted_limiter_knows_what_was_spent_before(database: Database) -> None:
    items = store(database)
    lease = running(items)
    with items.round() as round_:
        round_.happened([Happened(lease, 1, number, "ATTEMPT.ITERATION.STARTED", {"iteration": number}) for number in (1, 2, 3)])

    answer = limiter(database).on_mail(Capacity(0))

    assert answer is not None
    assert (answer.free, answer.reason) == (0, "the daily budget of 3 iterations is used up")
    assert answer.retry_in == pytest.approx(43_200, abs=43_200)


def test_an_iteration_reported_twice_is_counted_once(database: Database) -> None:
    items = store(database)
    lease = running(items)
    event = Happened(lease, 1, 1, "ATTEMPT.ITERATION.STARTED", {"iteration": 1})
    for _ in range(5):
        with items.round() as round_:
            round_.happened([event])

    assert limiter(database).on_mail(Capacity(0)) == Room(2)


def test_a_restarted_limiter_keeps_the_cooldown(database: Database) -> None:
    running(store(database))

    answer = limiter(database, cooldown=3_600.0).on_mail(Capacity(1))

    assert answer is not None
    assert answer.free == 0
    assert "cooldown" in answer.reason
    assert answer.retry_in == pytest.approx(3_600, abs=120)


def test_what_is_no_question_has_no_answer(database: Database) -> None:
    assert limiter(database).on_mail("what?") is None
