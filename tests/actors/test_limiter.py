"""The limiter's actor on a real database."""

from dataclasses import dataclass

import pytest

from actors.limiter import Limiter
from factory.domain.events import operator_stream
from factory.domain.limits import FULL_SECONDS, Limits, Switchable, SwitchVerb
from factory.protocol.attempt_mail import Happened
from factory.protocol.commands import Reply, Switch
from factory.protocol.limiter_mail import Capacity, NewSettings, Room, RoomChanged
from factory.protocol.lock_mail import Unparked
from factory.storage.database import Database
from factory.storage.events import EventReader
from factory.storage.limits import LimitStore
from tests.fakes.clock import ManualClock
from tests.fakes.recording_mailbox import RecordingMailbox
from tests.work import running, store


@dataclass
class Space:
    """A disk of a gigabyte."""

    free: int = 2**30

    def space(self) -> tuple[int, int]:
        return self.free, 2**30


def limiter(database: Database, *, max_workers: int = 2, daily: int = 3, cooldown: float = 0.0, disk: Space | None = None) -> Limiter:
    settings = NewSettings(Limits(max_workers, daily, cooldown, min_free_disk=2**20))
    return Limiter(
        mailbox=RecordingMailbox(), clock=ManualClock(), store=LimitStore(database), disk=disk or Space(), settings=settings
    )  # fmt: skip


def told(actor: Limiter) -> list[tuple[str, object]]:
    mailbox = actor.mailbox
    assert isinstance(mailbox, RecordingMailbox)
    return mailbox.take()


def switch(verb: SwitchVerb, *parts: Switchable, by: str = "ann") -> Switch:
    return Switch("c1", verb, parts or ("intake", "dispatch"), by)


def trail(database: Database, by: str = "ann") -> list[dict[str, object]]:
    return [event.data for event in EventReader(database).stream(operator_stream(by))]


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


def test_on_a_full_disk_nobody_starts_until_there_is_room_again(database: Database) -> None:
    """F36: nobody is started on a disk that is nearly full."""
    disk = Space(free=2**19)
    actor = limiter(database, disk=disk)

    answer = actor.on_mail(Capacity(0))
    assert isinstance(answer, Room)
    assert answer.free == 0
    assert answer.reason == "the disk of the workers is nearly full: 0 MB free, and 1 MB are wanted for another one"
    assert answer.retry_in == FULL_SECONDS

    disk.free = 2**20
    assert actor.on_mail(Capacity(0)) == Room(2)


def test_a_restarted_limiter_knows_what_was_spent_before(database: Database) -> None:
    items = store(database)
    lease = running(items)
    with items.round() as round_:
        round_.happened([Happened(lease, 1, number, "ATTEMPT.ITERATION.STARTED", {"iteration": number}) for number in (1, 2, 3)])

    answer = limiter(database).on_mail(Capacity(0))

    assert isinstance(answer, Room)
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

    assert isinstance(answer, Room)
    assert answer.free == 0
    assert "cooldown" in answer.reason
    assert answer.retry_in == pytest.approx(3_600, abs=120)


def test_a_start_from_before_the_clock_was_set_back_delays_nobody_until_it_has_come_again(database: Database) -> None:
    running(store(database))
    with database.transaction() as cursor:
        cursor.execute("UPDATE attempts SET started_at = started_at + interval '1 hour'")

    assert limiter(database, cooldown=60.0).on_mail(Capacity(1)) == Room(1)


def test_the_mark_of_the_clock_is_no_limit(database: Database) -> None:
    with store(database).round() as round_:
        round_.mark(1.0)

    assert LimitStore(database).read() == {}


def test_what_is_no_question_has_no_answer(database: Database) -> None:
    assert limiter(database).on_mail("what?") is None


def test_a_pause_leaves_no_room_says_who_and_is_known_to_a_restarted_limiter(database: Database) -> None:
    answer = limiter(database).on_mail(switch("pause"))

    assert answer == Reply("ok", data={"paused": {part: {"by": "ann", "draining": False} for part in ("intake", "dispatch")}, "lifted": []})
    for actor in (limiter(database), limiter(database)):
        assert actor.on_mail(Capacity(0)) == Room(0, "paused by ann; `factory resume` goes on")
    assert said(database) == {"open": 0, "reason": "paused by ann; `factory resume` goes on", "active": 0, "max_workers": 2}


def test_the_dispatcher_is_told_at_once_that_its_credit_may_be_void(database: Database) -> None:
    actor = limiter(database)

    actor.on_mail(switch("pause", "dispatch"))

    assert told(actor) == [("dispatcher", RoomChanged())]


def test_a_pause_of_intake_leaves_room_for_workers(database: Database) -> None:
    actor = limiter(database)

    actor.on_mail(switch("pause", "intake"))

    assert actor.on_mail(Capacity(0)) == Room(2)


def test_resuming_takes_back_what_is_named_and_nothing_else(database: Database) -> None:
    actor = limiter(database)
    actor.on_mail(switch("pause"))

    answer = actor.on_mail(switch("resume", "dispatch"))

    assert isinstance(answer, Reply)
    assert set(answer.data["paused"]) == {"intake"}
    assert actor.on_mail(Capacity(0)) == Room(2)


def test_a_drain_tells_how_many_are_still_at_work_and_then_that_it_is_done(database: Database) -> None:
    actor = limiter(database)
    actor.on_mail(switch("drain", "dispatch"))

    assert actor.on_mail(Capacity(2)) == Room(0, "draining for ann: 2 still at work")
    assert actor.on_mail(Capacity(0)) == Room(0, "drained by ann; `factory resume` goes on")


def test_what_an_operator_switched_is_in_the_audit_trail_once(database: Database) -> None:
    actor = limiter(database)

    for _ in range(3):
        actor.on_mail(switch("pause", "dispatch"))
    actor.on_mail(switch("resume", "dispatch", by="bob"))

    assert trail(database) == [{"verb": "pause", "parts": ["dispatch"], "lifted": []}]
    assert trail(database, "bob") == [{"verb": "resume", "parts": ["dispatch"], "lifted": []}]


def test_resuming_lets_engines_be_used_again_that_a_limit_held(database: Database) -> None:
    LimitStore(database).write("hold:claude", {"kind": "credits", "reason": "out of credits"})
    actor = limiter(database)

    answer = actor.on_mail(switch("resume"))

    assert answer == Reply("ok", data={"paused": {}, "lifted": ["claude"]})
    assert told(actor) == [("dispatcher", RoomChanged()), ("queue", Unparked())]


def test_new_settings_hold_at_once_and_what_is_wrong_with_them_is_written_down(database: Database) -> None:
    actor = limiter(database, max_workers=2)
    news = NewSettings(Limits(5, 3, 0.0), "factory.toml: max_workers is wrong.", ("heartbeat",))

    actor.on_mail(news)

    assert actor.on_mail(Capacity(0)) == Room(5)
    assert LimitStore(database).read()["settings"] == {"problem": "factory.toml: max_workers is wrong.", "restart": ["heartbeat"]}
    assert told(actor) == [("dispatcher", RoomChanged())]


def test_a_restarted_factory_forgets_what_was_wrong_with_the_settings_of_the_last_one(database: Database) -> None:
    limiter(database).on_mail(NewSettings(Limits(1, 1, 0.0), "a mistake"))

    limiter(database).on_mail(Capacity(0))

    assert LimitStore(database).read()["settings"] == {"problem": "", "restart": []}


def test_a_factory_that_is_drained_says_so_to_everyone(database: Database) -> None:
    why = "the factory stops when what runs has finished"

    assert limiter(database).on_mail(Capacity(1, drains=True)) == Room(0, why)
    assert said(database) == {"open": 0, "reason": why, "active": 1, "max_workers": 2}


def test_labels_are_told_to_whoever_asks_why_an_item_waits_where_hosts_have_some(database: Database) -> None:
    actor = limiter(database)
    actor.on_mail(Capacity(0))
    assert said(database) == {"open": 2, "reason": "", "active": 0, "max_workers": 2}

    actor.on_mail(Capacity(0, labels=(("big", "gpu"), ("gpu",)), offered=(("gpu",),)))

    labels = {"labels": [["big", "gpu"], ["gpu"]], "offered": [["gpu"]]}
    assert said(database) == {"open": 2, "reason": "", "active": 0, "max_workers": 2, **labels}


def test_that_no_host_which_is_here_may_be_used_is_told_where_this_machine_takes_no_workers_either(database: Database) -> None:
    old = "old: workers cannot be kept from the network there"

    assert limiter(database, max_workers=0).on_mail(Capacity(0, elsewhere=0, barred=old)) == Room(0, old)
    assert limiter(database).on_mail(Capacity(0, elsewhere=0, barred=old)) == Room(2, here=2)
