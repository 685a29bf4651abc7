"""The worker's actor: how a worker begins, is adopted, and ends."""

import json
from pathlib import Path

import msgspec
import pytest

from factory.errors import ActorUnavailable
from factory.protocol.attempt_mail import Finish, Recorded, Renew, Starting, WorkerGone
from factory.protocol.delivery_mail import Prepare, PrepareFailed
from factory.protocol.gateway_mail import Enrol, Revoke
from factory.protocol.lease_mail import LeaseEnded
from factory.protocol.lock_mail import Acquire, LockVerdict
from factory.protocol.mailbox import Ok, Refused, Stale
from factory.protocol.worker import Accept, Ack, Assign, Event, Hello, Ping, Stop, Welcome
from factory.transport.curve import KeyPair
from factory.worker_ports import Life
from tests.actors.worker_site import BASE, LEASE, NAME, PREPARED, WORK, H, Site

OLDER_BASE = "0" * 40


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


# -- beginning --------------------------------------------------------------------------------------------------------


def test_it_begins_with_the_repository_and_keeps_the_lease_meanwhile(site: Site) -> None:
    site.actor.on_start()
    site.ticks(3)

    asked = site.mail.to("delivery", Prepare)
    assert set(asked) == {Prepare(LEASE, "/repo", "main")}
    assert len(asked) == 2
    assert site.to_queue(Renew) == [Renew(LEASE, "preparing")] * 6
    assert site.life is Life.GONE


def test_files_are_locked_and_the_key_enrolled_before_there_is_a_worker(site: Site) -> None:
    lives = []
    enrolled = site.mail.answers["gateway"]

    def last(mail: object) -> object:
        lives.append(site.life)
        return enrolled(mail)

    site.mail.answers["gateway"] = last
    site.launched()

    assert [type(mail) for _, mail in site.mail.asked] == [Acquire, Starting, Enrol]
    assert site.asked(Acquire) == [Acquire(LEASE, "/repo", ("a.py",))]
    assert lives == [Life.GONE]


def test_an_item_without_files_needs_no_locks(tmp_path: Path) -> None:
    site = Site(tmp_path, msgspec.structs.replace(WORK, files=())).launched()

    assert site.asked(Acquire) == []


def test_the_worker_gets_the_link_and_a_key_of_its_own_whose_secret_nobody_else_sees(site: Site) -> None:
    site.launched()

    order = site.host.workers[NAME].order
    keys = KeyPair.parse(order.files["link.key"])
    link = json.loads(order.files["link.json"])
    assert {mail.public_key for mail in site.asked(Enrol)} == {mail.public_key for mail in site.asked(Starting)} == {keys.public}
    assert (link["item"], link["epoch"], link["heartbeat"]) == (LEASE.item, LEASE.epoch, H)
    assert order.arguments == ("run",)
    assert Path("/mirror") in order.readable
    assert Path("/link") in order.readable
    assert keys.secret.encode() not in msgspec.msgpack.encode([mail for _, mail in [*site.mail.told, *site.mail.asked]])


def test_the_queue_knows_where_the_branch_starts_before_the_worker_is_made(site: Site) -> None:
    site.launched()

    (starting,) = site.asked(Starting)
    assert (starting.base_commit, starting.isolation, starting.host) == (BASE, "confined", "local")


def test_a_repository_that_is_told_of_twice_makes_one_worker(site: Site) -> None:
    site.launched()
    site.actor.on_mail(PREPARED)
    site.ticks(1)

    assert len(site.asked(Starting)) == 1
    assert len(site.host.workers) == 1


def test_locked_files_end_the_attempt_until_they_are_free(site: Site) -> None:
    site.mail.answers["locks"] = lambda _: LockVerdict(granted=False, holders=("a.py: other-1",))
    site.actor.on_start()
    site.actor.on_mail(PREPARED)

    assert site.finishes() == [Finish(LEASE, 0, "waits", "locked: a.py: other-1", condition="locks:/repo")]
    assert site.life is Life.GONE


def test_files_that_cannot_be_locked_are_a_persons_to_mend(site: Site) -> None:
    site.mail.answers["locks"] = lambda _: Refused("'../x' is no path", "invalid")
    site.actor.on_start()
    site.actor.on_mail(PREPARED)

    assert [finish.outcome for finish in site.finishes()] == ["policy"]


@pytest.mark.parametrize("address", ["locks", "queue"])
def test_a_lease_found_to_be_over_makes_no_worker(site: Site, address: str) -> None:
    site.mail.answers[address] = lambda _: Stale(LEASE, "the lease is over")
    site.actor.on_start()
    site.actor.on_mail(PREPARED)

    assert site.left
    assert site.life is Life.GONE
    assert site.finishes() == []


def test_a_lock_manager_that_does_not_answer_is_asked_again(site: Site) -> None:
    answer = site.mail.answers.pop("locks")
    site.actor.on_start()
    site.actor.on_mail(PREPARED)
    assert (site.life, site.finishes()) == (Life.GONE, [])

    site.mail.answers["locks"] = answer
    site.ticks(2)
    assert site.mail.to("delivery", Prepare)[1:]
    site.actor.on_mail(PREPARED)
    site.copies_end()

    assert site.life is Life.RUNNING


@pytest.mark.parametrize("address", ["queue", "gateway"])
def test_what_does_not_answer_at_the_launch_is_asked_again_on_the_tick(site: Site, address: str) -> None:
    answer = site.mail.answers.pop(address)
    site.actor.on_start()
    site.actor.on_mail(PREPARED)
    assert site.host.workers == {}

    site.mail.answers[address] = answer
    site.ticks(0.5)

    assert site.life is Life.RUNNING


def test_a_gateway_that_refuses_a_key_is_offered_another(site: Site) -> None:
    answers = iter([Refused("that key is another's", "conflict"), Ok()])
    site.mail.answers["gateway"] = lambda _: next(answers)
    site.actor.on_start()
    site.actor.on_mail(PREPARED)
    site.ticks(0.5)

    first, second = site.asked(Enrol)
    assert first.public_key != second.public_key
    assert site.asked(Starting)[-1].public_key == second.public_key
    assert site.life is Life.RUNNING


def test_a_host_without_room_is_no_attempt(site: Site) -> None:
    site.host.full = True
    site.actor.on_start()
    site.actor.on_mail(PREPARED)
    site.ticks(1)

    told = {(finish.outcome, finish.reason) for finish in site.finishes()}
    assert told == {("no_space", "The worker cannot be started: the disk of the host anvil is full.")}


@pytest.mark.parametrize("failure", ["infra", "policy"])
def test_a_repository_that_cannot_be_had_ends_the_attempt(site: Site, failure: str) -> None:
    site.actor.on_start()
    site.actor.on_mail(PrepareFailed(LEASE, failure, "no such branch"))  # type: ignore[arg-type]  # one of the literals

    assert site.finishes() == [Finish(LEASE, 0, failure, "no such branch")]  # type: ignore[arg-type]  # as above


def test_a_repository_that_fails_after_it_was_had_ends_nothing(site: Site) -> None:
    site.launched()
    site.actor.on_mail(PrepareFailed(LEASE, "infra", "the remote is away"))

    assert site.finishes() == []


def test_a_worker_that_never_speaks_is_given_up(site: Site) -> None:
    site.launched()
    site.ticks(13)

    assert {(finish.outcome, finish.reason) for finish in site.finishes()} == {("infra", "the worker never said HELLO")}


# -- adoption ---------------------------------------------------------------------------------------------------------


def adopted(site: Site, status: str = "running", base_commit: str = OLDER_BASE) -> Site:
    """The actor died and a new one has the lease; the worker lives."""
    site.launched()
    site.mail.asked.clear()
    site.new_actor(msgspec.structs.replace(WORK, status=status, base_commit=base_commit)).on_start()
    return site


def test_a_running_worker_is_adopted_and_not_made_again(site: Site) -> None:
    adopted(site)
    site.ticks(1)

    assert site.mail.asked == []
    assert (site.life, site.finishes()) == (Life.RUNNING, [])


def test_the_agent_of_an_adopted_worker_goes_on_in_a_new_session(site: Site) -> None:
    adopted(site)
    site.hears(Hello("1.0", "boot", "running", last_event=4))
    site.hears(Event(5, "ATTEMPT.ITERATION.SUCCESS", {}), seq=12)

    assert site.said(Welcome)[0].verdict == "adopt"
    assert site.said(Assign) == []
    assert [mail for mail in site.to_queue(msgspec.Struct) if getattr(mail, "number", None) == 5]


def test_an_adopted_worker_without_assignment_gets_one_that_starts_where_it_started(site: Site) -> None:
    adopted(site, status="assigned")
    site.actor.on_mail(PREPARED)
    site.hears(Hello("1.0", "boot", "idle"))

    (assign,) = site.said(Assign)
    assert (assign.base_commit, assign.source, assign.branch) == (OLDER_BASE, "/mirror", f"factory/{LEASE.item}")


def test_an_assignment_waits_for_the_repository(site: Site) -> None:
    adopted(site, status="assigned")
    site.hears(Hello("1.0", "boot", "idle"))
    assert site.said(Assign) == []
    assert len(site.mail.to("delivery", Prepare)) == 2

    site.actor.on_mail(PREPARED)
    site.ticks(2)

    assert len(site.said(Assign)) == 1


@pytest.mark.parametrize("failure", ["infra", "policy"])
def test_an_agent_at_work_does_not_lose_its_attempt_to_a_remote_that_is_away(site: Site, failure: str) -> None:
    adopted(site)
    site.actor.on_mail(PrepareFailed(LEASE, failure, "the remote is away"))  # type: ignore[arg-type]  # one of the literals

    assert site.finishes() == []


def test_a_worker_that_died_with_its_actor_is_infrastructure(site: Site) -> None:
    site.launched()
    site.host.ends(NAME, 3, "It was seen to fall.")
    site.new_actor(msgspec.structs.replace(WORK, status="running")).on_start()

    assert site.finishes() == [Finish(LEASE, 0, "infra", "the worker ended with status 3: It was seen to fall.")]


def test_a_running_item_without_any_worker_is_infrastructure(site: Site) -> None:
    site.new_actor(msgspec.structs.replace(WORK, status="running")).on_start()

    assert site.finishes() == [Finish(LEASE, 0, "infra", "the worker is gone")]
    assert site.mail.to("delivery", Prepare) == []


def test_an_adopted_worker_that_stays_silent_is_lost(site: Site) -> None:
    adopted(site)
    site.ticks(4)
    assert site.finishes() == []

    site.ticks(1)
    assert site.finishes()[0].outcome == "infra"


# -- the end ----------------------------------------------------------------------------------------------------------


def test_a_lease_that_ends_takes_everything_of_its_worker_with_it(site: Site) -> None:
    site.working()

    site.actor.on_mail(LeaseEnded(LEASE, "kill by me"))

    assert [stop.reason for stop in site.said(Stop)] == ["kill by me"]
    assert [mail for _, mail in site.mail.told[1:]] == [Revoke(LEASE), WorkerGone(LEASE, "kill by me")]
    assert (site.host.workers, site.left, site.finishes()) == ({}, True, [])


def test_a_lease_that_ends_before_there_is_a_worker_leaves_nothing(site: Site) -> None:
    site.actor.on_start()
    site.actor.on_mail(LeaseEnded(LEASE, "cancelled"))
    site.actor.on_mail(PREPARED)
    site.ticks(1)

    assert (site.host.workers, site.left) == ({}, True)
    assert len(site.to_queue(WorkerGone)) == 1


def test_what_comes_after_the_end_is_stale_and_changes_nothing(site: Site) -> None:
    site.working()
    site.actor.on_mail(LeaseEnded(LEASE, "kill by me"))
    site.mail.take()

    site.actor.on_mail(LeaseEnded(LEASE, "again"))
    site.hears(Event(1, "ATTEMPT.ITERATION.SUCCESS", {}), seq=4)
    site.hears(Ping("running"))
    site.ticks(3)
    site.actor.on_stop()

    assert site.said(Ack) == [Ack(4, "stale", "the lease is over")]
    assert site.kinds() == [("gateway", type(site.mail.told[0][1]))]


def test_an_agent_that_ends_without_a_word_is_infrastructure(site: Site) -> None:
    site.working()
    site.host.ends(NAME, -9, "It was killed.")
    site.ticks(0.5)

    assert site.finishes() == [Finish(LEASE, 0, "infra", "the worker ended with status -9: It was killed.")]


def test_the_worker_goes_when_its_end_is_recorded_and_not_before(site: Site) -> None:
    site.working()
    site.host.ends(NAME, 1)
    site.ticks(5)
    assert (len(site.finishes()), site.left) == (3, False)

    site.actor.on_mail(Recorded(LEASE, 0, "ok"))

    assert (site.left, site.life) == (True, Life.GONE)
    assert [gone.lease for gone in site.to_queue(WorkerGone)] == [LEASE]


def test_a_stopping_factory_gives_unfinished_work_back_unused(site: Site) -> None:
    site.working()
    site.actor.on_stop()

    assert site.finishes() == [Finish(LEASE, 0, "given_back", "the factory was stopped")]
    assert site.life is Life.GONE


def test_a_stopping_factory_says_again_how_an_attempt_ended(site: Site) -> None:
    site.finishing()
    (first,) = site.finishes()

    site.actor.on_stop()

    assert site.finishes() == [first, first]


def test_an_actor_that_has_ended_gives_nothing_back(site: Site) -> None:
    site.finishing().actor.on_mail(Recorded(LEASE, 9, "ok"))
    site.mail.take()

    site.actor.on_stop()

    assert site.mail.told == []


def test_an_actor_that_cannot_reach_anyone_crashes_on_nothing(site: Site) -> None:
    def away(_: object) -> object:
        raise ActorUnavailable("nobody is there")

    site.mail.answers = {"locks": away, "queue": away, "gateway": away}
    site.mail.full = {"queue", "gateway", "delivery"}
    site.actor.on_start()
    site.actor.on_mail(PREPARED)
    site.hears(Hello("1.0", "boot", "idle"))
    site.hears(Accept(), seq=1)
    site.ticks(200)

    assert site.life is Life.GONE
