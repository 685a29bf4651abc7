"""The queue's actor on a real database: credit, and what is told in which order."""

from factory.domain.events import item_stream
from factory.protocol.attempt_mail import Accepted, Finish, Happened, Recorded, Starting, WorkerGone
from factory.protocol.commands import Reply, Steer
from factory.protocol.delivery_mail import OutboxReady, Published, Rejected
from factory.protocol.egress_mail import Spent, SpentKept
from factory.protocol.gateway_mail import Enrolled, Enrolment
from factory.protocol.lease_mail import Claimed, Credit, GiveBack, GivenBack, LeaseEnded, Outstanding, Survey
from factory.protocol.lock_mail import Release, Unparked
from factory.protocol.mailbox import Lease, Ok, Stale
from factory.storage.database import Database
from factory.storage.events import EventReader
from factory.storage.work_items import WorkItems
from tests.actors.queue_site import Queue, status
from tests.work import done, order, running, submitted

# -- credit -----------------------------------------------------------------------------------------------------------


def test_nothing_is_claimed_without_credit(queue: Queue, items: WorkItems) -> None:
    submitted(items)

    queue.on_batch([Unparked()])
    queue.on_tick()

    assert queue.claims() == []


def test_an_item_is_claimed_in_the_very_round_that_takes_it_in(queue: Queue) -> None:
    queue.credit(1)
    submit = order()

    (answer,) = queue.on_batch([submit])

    assert answer == Reply("ok", data={"item": submit.item})
    assert queue.claims() == [Lease(submit.item, 1)]


def test_credit_is_used_up_by_claims_whenever_they_are_made(queue: Queue) -> None:
    queue.credit(2)

    for _ in range(4):
        queue.on_batch([order()])
        queue.tick_to(1)

    assert len(queue.claims()) == 2


def test_a_credit_computed_before_a_claim_was_known_counts_that_claim(queue: Queue, items: WorkItems) -> None:
    known = queue.outstanding()
    for _ in range(5):
        submitted(items)
    queue.on_batch([Credit(known.boot, known.made, 2)])
    assert len(queue.claims()) == 2

    # The dispatcher had not heard of the two when it wrote this.
    queue.on_batch([Credit(known.boot, known.made, 2)])
    assert len(queue.claims()) == 2

    queue.on_batch([Credit(known.boot, known.made + 2, 1)])
    assert len(queue.claims()) == 3


def test_items_that_need_labels_are_claimed_as_soon_as_a_credit_names_a_host_with_them(queue: Queue, items: WorkItems) -> None:
    known = queue.outstanding()
    item = submitted(items, needs=("gpu",))
    queue.on_batch([Credit(known.boot, known.made, 2)])
    assert queue.claims() == []

    queue.on_batch([Credit(known.boot, known.made, 2, (("gpu",),))])

    assert queue.claims() == [Lease(item, 1)]


def test_an_item_that_needs_what_is_no_label_is_refused(queue: Queue) -> None:
    (answer,) = queue.on_batch([order(needs=("a b",))])

    assert answer.code == "invalid"
    assert "'a b' is no label" in answer.reason


def test_of_two_credits_in_one_round_the_later_one_counts(queue: Queue, items: WorkItems) -> None:
    submitted(items)
    known = queue.outstanding()

    queue.on_batch([Credit(known.boot, known.made, 5), Credit(known.boot, known.made, 0)])

    assert queue.claims() == []


def test_a_credit_of_another_incarnation_claims_nothing_and_is_answered_with_what_there_is(queue: Queue, items: WorkItems) -> None:
    submitted(items)
    lease = running(items)
    queue.on_batch([Credit("another", 0, 9)])

    (told,) = queue.mail.to("dispatcher", Outstanding)
    assert queue.claims() == []
    assert told.leases == (lease,)
    assert [(work.lease, work.status) for work in told.work] == [(lease, "running")]


def test_an_item_that_comes_due_later_is_claimed_on_a_tick(queue: Queue, database: Database) -> None:
    queue.credit(1)
    later = order(delay=60.0)
    queue.on_batch([later])
    queue.on_tick()
    assert queue.claims() == []

    with database.transaction() as cursor:
        cursor.execute("UPDATE work_items SET scheduled_at = clock_timestamp()")
    queue.on_tick()

    assert queue.claims() == [Lease(later.item, 1)]


# -- what is told, and in which order ---------------------------------------------------------------------------------


def test_a_survey_is_told_before_the_claims_of_its_round(queue: Queue) -> None:
    known = queue.outstanding()
    queue.mail.take()

    queue.on_batch([Survey(), Credit(known.boot, known.made, 1), order()])

    assert [type(mail) for address, mail in queue.mail.told if address == "dispatcher"] == [Outstanding, Claimed]
    assert queue.mail.to("dispatcher", Outstanding)[0].made < queue.mail.to("dispatcher", Claimed)[0].made


def test_large_specs_travel_in_several_mails_that_agree_on_what_there_is(queue: Queue) -> None:
    submissions = [order(spec="x" * 400_000) for _ in range(3)]
    queue.credit(3)
    queue.on_batch(submissions)

    claimed = queue.mail.to("dispatcher", Claimed)
    assert len(claimed) > 1
    assert [mail.made for mail in claimed] == sorted(mail.made for mail in claimed)
    assert {lease.item for lease in queue.claims()} == {submit.item for submit in submissions}

    queue.mail.take()
    queue.on_batch([Survey()])
    told = queue.mail.to("dispatcher", Outstanding)
    assert len({(mail.boot, mail.made, mail.leases) for mail in told}) == 1
    assert {work.lease for mail in told for work in mail.work} == set(told[0].leases)
    assert len(told[0].leases) == 3


def test_a_result_ends_the_lease_wakes_delivery_and_is_recorded(queue: Queue, items: WorkItems) -> None:
    lease = running(items)

    queue.on_batch([done(lease)])

    assert queue.mail.told == [
        (f"worker-{lease.worker}", Recorded(lease, 7, "ok")),
        ("dispatcher", LeaseEnded(lease, "done")),
        ("delivery", OutboxReady()),
    ]


def test_a_failure_ends_the_lease_and_lets_go_of_its_locks(queue: Queue, items: WorkItems) -> None:
    lease = running(items)

    queue.on_batch([Finish(lease, 3, "agent", "gave up")])

    assert queue.mail.told == [
        (f"worker-{lease.worker}", Recorded(lease, 3, "ok")),
        ("dispatcher", LeaseEnded(lease, "gave up")),
        ("locks", Release(lease)),
    ]


def test_a_result_whose_events_are_missing_ends_nothing(queue: Queue, items: WorkItems, database: Database) -> None:
    lease = running(items)

    queue.on_batch([done(lease, last_event=1)])

    assert queue.mail.told == [(f"worker-{lease.worker}", Recorded(lease, 7, "incomplete"))]
    assert status(database, lease.item) == "running"


def test_a_result_that_overtook_its_acceptance_waits_for_it(queue: Queue, items: WorkItems, database: Database) -> None:
    submitted(items)
    queue.credit(1)
    (lease,) = queue.claims()

    queue.on_batch([done(lease)])
    assert queue.mail.to(f"worker-{lease.worker}", Recorded)[-1].result == "incomplete"

    queue.on_batch([Accepted(lease, 1), done(lease)])
    assert status(database, lease.item) == "publishing"


def test_events_of_a_round_are_stored_before_the_result_that_counts_on_them(queue: Queue, items: WorkItems) -> None:
    lease = running(items)
    event = Happened(lease, 4, 1, "ATTEMPT.ITERATION.STARTED", {"iteration": 1})

    queue.on_batch([done(lease, last_event=1), event])

    assert [mail.result for mail in queue.mail.to(f"worker-{lease.worker}", Recorded)] == ["ok", "ok"]


def test_a_result_said_again_is_recorded_again(queue: Queue, items: WorkItems) -> None:
    lease = running(items)

    queue.on_batch([done(lease)])
    queue.on_batch([done(lease)])

    assert [mail.result for mail in queue.mail.to(f"worker-{lease.worker}", Recorded)] == ["ok", "ok"]


def test_the_first_word_on_an_attempt_counts(queue: Queue, items: WorkItems, database: Database) -> None:
    lease = running(items)

    queue.on_batch([done(lease), Finish(lease, 0, "given_back", "the factory was stopped")])

    assert status(database, lease.item) == "publishing"
    assert [mail.result for mail in queue.mail.to(f"worker-{lease.worker}", Recorded)] == ["ok", "stale"]


def test_everything_said_under_an_old_lease_is_stale(queue: Queue, items: WorkItems) -> None:
    old = running(items)
    queue.on_batch([Finish(old, 1, "infra", "host gone")])
    queue.mail.take()
    event = Happened(old, 2, 1, "ATTEMPT.ITERATION.STARTED", {})

    answers = queue.on_batch(
        [event, Accepted(old, 3), done(old), Starting(old, "k" * 40, "local", "confined", "b"), Published(old, "url", "c")]
    )

    assert [mail.result for mail in queue.mail.to(f"worker-{old.worker}", Recorded)] == ["stale"] * 3
    assert [type(answer) for answer in answers] == [type(None)] * 3 + [Stale, Stale]


def test_a_kill_tells_the_worker_the_dispatcher_and_the_locks(queue: Queue, items: WorkItems) -> None:
    lease = running(items)

    (reply,) = queue.on_batch([Steer("c1", "kill", lease.item, "me")])

    assert isinstance(reply, Reply)
    assert reply.code == "ok"
    over = LeaseEnded(lease, "kill by me")
    assert queue.mail.told == [("dispatcher", over), (f"worker-{lease.worker}", over), ("locks", Release(lease))]


def test_a_command_said_twice_is_carried_out_once_and_answered_alike(queue: Queue, items: WorkItems, database: Database) -> None:
    lease = running(items)
    kill = Steer("c1", "kill", lease.item, "me")

    answers = [queue.on_batch([kill])[0], *queue.on_batch([kill, kill])]

    assert [answer.code for answer in answers] == ["ok"] * 3
    assert len(queue.mail.to("dispatcher", LeaseEnded)) == 1
    ended = [event for event in EventReader(database).stream(item_stream(lease.item)) if "ENDED" in event.type]
    assert len(ended) == 1


def test_an_approval_wakes_delivery(queue: Queue, items: WorkItems) -> None:
    lease = running(items)
    queue.on_batch([done(lease), Rejected(lease, "policy", "touches CODEOWNERS")])
    queue.mail.take()

    (reply,) = queue.on_batch([Steer("c1", "approve", lease.item, "me")])

    assert reply.code == "ok"
    assert queue.mail.told == [("delivery", OutboxReady())]


def test_a_publication_lets_go_of_the_locks(queue: Queue, items: WorkItems, database: Database) -> None:
    lease = running(items)
    queue.on_batch([done(lease)])
    queue.mail.take()

    assert queue.on_batch([Published(lease, "url", "c")]) == [Ok()]

    assert queue.mail.told == [("locks", Release(lease))]
    assert status(database, lease.item) == "completed"


def test_the_gateway_hears_the_keys_of_living_leases_only(queue: Queue, items: WorkItems) -> None:
    living, ended = running(items), running(items)
    queue.on_batch([Finish(ended, 1, "agent", "gave up")])

    assert queue.on_batch([Enrolled()]) == [Enrolment({living.worker: "k" * 40})]


def test_a_worker_that_is_gone_is_no_longer_looked_for(queue: Queue, items: WorkItems) -> None:
    lease = running(items)
    queue.on_batch([Finish(lease, 1, "agent", "gave up")])
    assert queue.outstanding().unleased == (lease,)

    queue.on_batch([WorkerGone(lease, "its attempt is over")])

    assert queue.outstanding().unleased == ()


# -- the end of the factory -------------------------------------------------------------------------------------------


def test_what_is_given_back_at_the_end_is_queued_and_no_credit_from_before_claims_it_again(
    queue: Queue, items: WorkItems, database: Database
) -> None:
    working, over = running(items), running(items)
    known = queue.outstanding()
    credit = Credit(known.boot, known.made, 1)
    queue.on_batch([credit])
    claimed, waiting = submitted(items), submitted(items)
    queue.on_tick()
    queue.on_batch([Finish(over, 1, "given_back", "the worker left")])
    assert status(database, claimed) == "assigned"

    (answer,) = queue.on_batch([GiveBack("the factory was stopped")])
    queue.on_batch([credit])
    queue.on_tick()

    assert set(answer.unleased) == {working, Lease(claimed, 1), over}, "nobody has said of any that it is gone"
    assert {status(database, item) for item in (working.item, claimed, waiting)} == {"queued"}
    assert {working, Lease(claimed, 1)} <= {release.lease for release in queue.mail.to("locks", Release)}


def test_a_result_that_comes_with_the_end_is_taken(queue: Queue, items: WorkItems, database: Database) -> None:
    lease = running(items)

    answer, _ = queue.on_batch([GiveBack("the factory was stopped"), done(lease)])

    assert answer == GivenBack((lease,))
    assert status(database, lease.item) == "publishing"


def test_who_tells_what_an_attempt_used_hears_that_it_is_durable_also_after_its_end(queue: Queue, items: WorkItems) -> None:
    lease = running(items)
    queue.on_batch([Spent(lease, 50, 900, 2)])
    assert queue.mail.to("hosts", SpentKept) == []

    queue.on_batch([Spent(lease, 60, 900, 3, (), "hosts", 4), done(lease)])
    queue.on_batch([Spent(lease, 70, 950, 4, (), "hosts", 5), Spent(Lease(lease.item, 9), 1, 1, 1, (), "hosts", 1)])

    kept = [(mail.worker, mail.number) for mail in queue.mail.to("hosts", SpentKept)]
    assert kept == [(lease.worker, 4), (lease.worker, 5), (f"{lease.item}-9", 1)]
