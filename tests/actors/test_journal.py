"""The journal's actor on a real database; the sockets of feed and commands have tests of their own."""

import select
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from actors.answers import About, Answers
from actors.journal import Journal
from factory.domain.meter import Figures
from factory.errors import StoreUnavailable
from factory.protocol.attempt_mail import Finish, Renew, WorkerGone
from factory.protocol.commands import AnyRequest, Query, Reply, Steer, Switch
from factory.protocol.feed import Snapshot
from factory.storage.database import Database
from factory.storage.events import CHANNEL, EventReader
from factory.storage.limits import LimitStore
from factory.storage.views import Views
from factory.storage.work_items import WorkItems
from factory.transport.command_link import CommandServer
from factory.transport.exchange import ReplyTo
from factory.transport.feed_publisher import FeedPublisher
from factory.view_ports import Bell
from tests.fakes.clock import ManualClock
from tests.fakes.recording_mailbox import RecordingMailbox
from tests.work import claimed, finish, order, running, submitted

ASKER = ReplyTo(b"route", b"1")
_BOUND_SECONDS = 60.0


class Commands:
    """A command socket without a socket."""

    def __init__(self) -> None:
        self.requests: list[tuple[ReplyTo, AnyRequest]] = []
        self.replies: list[Reply] = []

    def drain(self) -> list[tuple[ReplyTo, AnyRequest]]:
        requests, self.requests = self.requests, []
        return requests

    def reply(self, reply_to: ReplyTo, reply: Reply) -> None:
        assert reply_to == ASKER
        self.replies.append(reply)

    def close(self) -> None:
        self.replies.append(Reply("unavailable", "closed"))


class Feed:
    """A feed without sockets: what was offered, and how often it was sent on."""

    def __init__(self) -> None:
        self.offered: list[tuple[str, str, int, Any]] = []
        self.snapshots: list[Snapshot] = []
        self.flushes = self.beats = 0

    def offer(self, kind: str, name: str, version: int, data: Any) -> None:
        self.offered.append((kind, name, version, data))

    def flush(self) -> None:
        self.flushes += 1

    def beat(self) -> None:
        self.beats += 1

    def drain_requests(self, snapshot: Callable[[], Snapshot]) -> int:
        self.snapshots.append(snapshot())
        return 1

    def close(self) -> None:
        self.flushes = -1

    def news(self, kind: str) -> list[Any]:
        """Name and data of what was offered since the last call, of one kind."""
        news = [(name, data) for offered, name, _, data in self.offered if offered == kind]
        self.offered = [one for one in self.offered if one[0] != kind]
        return news


class Press:
    """A journal with what it stands on."""

    def __init__(self, database: Database, logs: Path) -> None:
        self.database, self.mail, self.commands, self.feed = database, RecordingMailbox(), Commands(), Feed()
        self.clock = ManualClock()
        self.bells: list[Bell] = []
        views, trail = Views(database), EventReader(database)
        self.actor = Journal(
            mailbox=self.mail, clock=self.clock, views=views, trail=trail,
            answers=Answers(views, trail, About("i", "1", "confined", logs), lambda: 1.0, lambda: None),
            commands=cast("CommandServer", self.commands), feed=cast("FeedPublisher", self.feed), listen=self._listen, heartbeat=5.0,
        )  # fmt: skip

    def _listen(self) -> Bell:
        self.bells.append(self.database.listen(CHANNEL))
        return self.bells[-1]

    def rings(self) -> None:
        """Waits until the bell has rung and lets the actor hear it."""
        ready, _, _ = select.select([self.bells[-1]], [], [], _BOUND_SECONDS)
        assert ready, "the bell did not ring"
        ring = self.actor.sources()[-1]
        self.actor.on_ready(ring)

    def ask(self, request: AnyRequest) -> Reply:
        self.commands.requests.append((ASKER, request))
        self.actor.on_ready(cast("CommandServer", self.commands))
        return self.commands.replies[-1]


@pytest.fixture
def press(database: Database, tmp_path: Path) -> Iterator[Press]:
    press = Press(database, tmp_path)
    press.actor.on_start()
    yield press
    for bell in press.bells:
        bell.close()


# -- the feed ---------------------------------------------------------------------------------------------------------


def test_a_change_rings_and_reaches_the_feed_with_its_event_and_its_row(press: Press, items: WorkItems) -> None:
    item = submitted(items)

    press.rings()

    ((stream, event),) = press.feed.news("event")
    assert (stream, event["type"], event["seq"]) == (f"item:{item}", "WORK_ITEM.ENQUEUED.SUCCESS", 1)
    ((name, row),) = press.feed.news("item")
    assert (name, row["status"], row["why"]) == (item, "queued", "next to be claimed")
    assert press.feed.flushes == 1


def test_what_was_rolled_back_reaches_nobody(press: Press, items: WorkItems) -> None:
    def interrupted() -> None:
        with items.round() as round_:
            round_.submit(order())
            raise LookupError

    with pytest.raises(LookupError):
        interrupted()

    press.actor.on_tick()

    assert press.feed.news("event") == press.feed.news("item") == []


def test_a_journal_begins_with_what_comes_after_its_start(database: Database, items: WorkItems, tmp_path: Path) -> None:
    submitted(items)
    press = Press(database, tmp_path)
    press.actor.on_start()
    later = submitted(items)

    press.actor.on_tick()

    assert [name for name, _ in press.feed.news("item")] == [later]
    press.bells[0].close()


def test_a_tick_finds_what_no_bell_has_told(press: Press, items: WorkItems) -> None:
    item = submitted(items)

    press.actor.on_tick()

    assert [name for name, _ in press.feed.news("item")] == [item]
    assert press.feed.beats == 1


def test_each_event_is_offered_once(press: Press, items: WorkItems) -> None:
    submitted(items)
    press.rings()
    press.actor.on_tick()
    press.actor.on_tick()

    assert len(press.feed.news("event")) == 1


def test_a_claim_shows_the_worker_that_it_calls_for(press: Press, items: WorkItems) -> None:
    submitted(items)
    (work,) = claimed(items)

    press.rings()

    assert [(name, data["status"]) for name, data in press.feed.news("worker")] == [(work.lease.worker, "starting")]


def test_beats_are_shown_on_the_tick_and_their_age_alone_is_no_news(press: Press, items: WorkItems) -> None:
    lease = running(items)
    press.actor.on_tick()
    press.feed.news("worker")

    press.actor.on_tick()
    assert press.feed.news("worker") == []

    with items.round() as round_:
        round_.renew([Renew(lease, "gates", 3, 1, 8)])
    press.actor.on_tick()
    ((name, row),) = press.feed.news("worker")
    assert (name, row["phase"], row["iteration"], row["tokens"]) == (lease.worker, "gates", 3, 8)


def test_what_a_worker_uses_is_shown_as_long_as_it_is_known(press: Press, items: WorkItems) -> None:
    lease = running(items)
    shown = []
    for figures in (Figures(1.25, 2**20, 2**30, 9), None):
        with items.round() as round_:
            round_.renew([Renew(lease, "running", figures=figures)])
        press.actor.on_tick()
        ((_, row),) = press.feed.news("worker")[-1:]
        shown.append((row["cpu"], row["memory"], row["memory_limit"], row["pids"]))

    assert shown == [(1.25, 2**20, 2**30, 9), (None, None, None, None)]


def test_a_worker_that_is_gone_leaves_the_feed(press: Press, items: WorkItems) -> None:
    lease = running(items)
    press.actor.on_tick()
    finish(items, Finish(lease, 0, "agent", "gave up"))
    press.feed.news("worker")

    with items.round() as round_:
        round_.worker_gone(WorkerGone(lease, "over").lease, "over")
    press.actor.on_tick()

    assert {data for name, data in press.feed.news("worker") if name == lease.worker} == {None}


def test_limits_are_shown_when_they_change(press: Press, database: Database) -> None:
    LimitStore(database).write("dispatch", {"open": 1})
    press.actor.on_tick()
    press.actor.on_tick()
    assert press.feed.news("limit") == [("dispatch", {"open": 1})]

    LimitStore(database).write("dispatch", {"open": 0})
    press.actor.on_tick()
    assert press.feed.news("limit") == [("dispatch", {"open": 0})]


def test_a_snapshot_holds_at_least_what_was_offered_before_it(press: Press, items: WorkItems) -> None:
    lease = running(items)

    press.actor.on_ready(cast("FeedPublisher", press.feed))

    (snapshot,) = press.feed.snapshots
    assert [row["id"] for row in snapshot.items] == [lease.item]
    assert [row["id"] for row in snapshot.workers] == [lease.worker]
    assert {name for _, name, _, _ in press.feed.offered} >= {lease.item}


def test_a_lost_connection_is_replaced_and_nothing_is_missed(press: Press, items: WorkItems) -> None:
    class Lost:
        def fileno(self) -> int:
            return 0

        def notifications(self) -> list[object]:
            raise StoreUnavailable("The connection was lost.")

        def close(self) -> None:
            closed.append(True)

    closed: list[bool] = []
    press.actor._ring.bell = Lost()  # type: ignore[union-attr]  # it was started
    press.actor.on_ready(press.actor.sources()[-1])
    assert (closed, len(press.actor.sources()), len(press.bells)) == ([True], 3, 2)

    item = submitted(items)
    press.actor.on_tick()
    assert [name for name, _ in press.feed.news("item")] == [item]

    submitted(items)
    press.rings()
    assert len(press.feed.news("item")) == 1


# -- commands ---------------------------------------------------------------------------------------------------------


def test_a_question_is_answered_by_the_journal_itself(press: Press, items: WorkItems) -> None:
    item = submitted(items)

    reply = press.ask(Query("item", item[:9]))

    assert reply.data["item"]["id"] == item
    assert press.mail.asked == []


@pytest.mark.parametrize(
    "query", [Query("items", limit=-1), Query("items", limit=2**70), Query("item", "a\0b"), Query("events", "a\0b")], ids=repr
)
def test_a_question_that_makes_no_sense_is_invalid_and_ends_nothing(press: Press, query: Query) -> None:
    assert press.ask(query).code == "invalid"
    assert press.ask(Query("status")).code == "ok"


def test_a_submission_is_the_queues_to_answer(press: Press) -> None:
    press.mail.answers["queue"] = lambda asked: Reply("ok", data={"item": asked.item})
    submit = order()

    assert press.ask(submit).data == {"item": submit.item}
    assert press.mail.asked == [("queue", submit)]


def test_a_command_reaches_the_queue_with_the_whole_id(press: Press, items: WorkItems) -> None:
    press.mail.answers["queue"] = lambda _: Reply("ok")
    item = submitted(items)

    press.ask(Steer("c1", "kill", item[:9], "me", 3, "x"))

    assert press.mail.asked == [("queue", Steer("c1", "kill", item, "me", 3, "x"))]


def test_a_command_for_an_unknown_item_goes_no_further(press: Press) -> None:
    assert press.ask(Steer("c1", "kill", "zzz", "me")).code == "not_found"
    assert press.mail.asked == []


def test_while_the_queue_does_not_answer_the_operator_hears_that(press: Press) -> None:
    assert press.ask(order()).code == "unavailable"
    press.mail.answers["queue"] = lambda _: "what?"
    assert press.ask(order()).code == "unavailable"


def test_a_journal_that_stops_closes_its_sockets(press: Press) -> None:
    press.actor.on_stop()

    assert press.feed.flushes == -1
    assert press.commands.replies[-1].reason == "closed"


def test_a_switch_is_the_limiters_to_carry_out(press: Press) -> None:
    press.mail.answers["limiter"] = lambda _order: Reply("ok", data={"paused": {}, "lifted": []})
    order = Switch("c1", "pause", ("dispatch",), "ann")

    assert press.ask(order) == Reply("ok", data={"paused": {}, "lifted": []})
    assert press.mail.asked == [("limiter", order)]


def test_while_the_limiter_does_not_answer_the_operator_hears_that(press: Press) -> None:
    reply = press.ask(Switch("c1", "resume", ("dispatch",), "ann"))

    assert (reply.code, "the limiter does not answer" in reply.reason) == ("unavailable", True)


def test_while_intake_is_paused_nothing_new_reaches_the_queue(press: Press, database: Database) -> None:
    LimitStore(database).switch(Switch("c1", "pause", ("intake",), "ann"))

    reply = press.ask(order())

    assert reply == Reply("refused", "taking in new items is paused by ann; `factory resume intake` goes on")
    assert press.mail.asked == []
