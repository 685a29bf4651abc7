"""Operators' words at bad moments, and sweeps beside work that begins: F52, F53, F55."""

import secrets
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from factory.protocol.commands import Reply, Steer, SteerActor, Switch
from factory.transport.command_client import CommandClient
from tests.faults import effects
from tests.faults.driver import Trial, Verb
from tests.faults.evidence import timed
from tests.faults.grounds import Site
from tests.faults.surroundings import forget, node
from tests.waiting import eventually

CONFLICTS = 100
RACES = 5


def at_once(trial: Trial, item: str, verbs: tuple[Verb, Verb], *, version: int | None) -> list[Reply]:
    """Two operators, each with a connection of its own, say two things about one item at the same moment."""
    together = threading.Barrier(2)

    def say(verb: Verb) -> Reply:
        with closing(CommandClient(trial.site.paths.run)) as client:
            order = Steer(f"{verb}-{item}-{trial.rng.random()}", verb, item, f"tui-{verb}", expected_version=version)
            together.wait(10)
            return client.ask(order, 10.0)

    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(say, verbs))


def steer_actor(site: Site, verb: str, actor: str) -> Reply:
    return site.ask(SteerActor(f"{verb}-{actor}-{secrets.token_hex(8)}", verb, actor, "driver"))  # type: ignore[arg-type]


@pytest.mark.faults
@pytest.mark.alone
@pytest.mark.scenario("F52", "an operator kills a worker that cannot be reached", bound=2, link=True)
def test_a_kill_of_an_unreachable_worker_counts_at_once_and_nothing_of_it_comes_later(trial: Trial) -> None:
    site = trial.site
    link = site.link_proxy
    assert link is not None
    item = trial.begin()
    name, worker = trial.name(item), trial.worker(item)
    actor = trial.actor(item)
    link.stall()
    trial.did("the link is down", lambda: link.connections)
    # Its actor cannot do a thing either, as where the whole host is away.
    trial.stop([actor], "the worker's actor")

    seconds = timed(lambda: trial.steer("kill", item))
    assert seconds <= 1, f"acknowledged after {seconds:.2f} s"
    row = site.item(item)
    assert (row["status"], row["holder"]) != ("running", name), "the lease lives on"
    shown = eventually(
        lambda: [one for one in site.view("workers")["workers"] if one["id"] == name and one["status"] == "killing"],
        5,
        "it is shown as being killed",
    )
    trial.note(f"shown: {shown[0]['status']}, {shown[0]['reason']}")
    trial.pause(3, 4)
    trial.resume([pid for pid in [actor] if effects.lives(pid)], "the worker's actor")
    link.heal()
    trial.fault_ends("the link is up")
    eventually(lambda: not effects.lives(worker), 20, "the killed worker is gone")
    trial.took_since_fault()

    trial.settle(attempts=1)
    (accepted,) = site.rows("SELECT epoch FROM attempts WHERE item = %s AND outcome = 'done'", item)
    assert accepted["epoch"] >= 2


@pytest.mark.faults
@pytest.mark.timeout(300)
@pytest.mark.scenario("F53", "two operators say the opposite at the same moment", bound=1)
def test_of_two_opposite_words_one_wins_and_the_other_is_told_why(trial: Trial) -> None:
    site = trial.site
    # Command ids are good once, also for another seed's trial at this site.
    assert site.ask(Switch(f"pause-{secrets.token_hex(8)}", "pause", ("dispatch",), "driver")).code == "ok"
    eventually(lambda: "paused by driver" in str(site.view("status")["dispatch"]), 30, "nobody has leave to start from before")
    item = trial.submit()
    slowest = 0.0
    for number in range(CONFLICTS):
        version = site.item(item)["version"]
        replies: list[Reply] = []
        slowest = max(slowest, timed(lambda: replies.extend(at_once(trial, item, ("cancel", "retry"), version=version))))  # noqa: B023
        assert sorted(reply.code for reply in replies) == ["conflict", "ok"], replies
        loser = next(reply for reply in replies if reply.code == "conflict")
        # The second may be known to be, by the time that it comes, too late as well.
        assert any(why in loser.reason for why in ("has changed since you looked", "has ended already")), loser
        winner = "cancelled" if replies[0].code == "ok" else "queued"
        assert site.item(item)["status"] == winner, f"round {number}: {replies}"
        if winner == "cancelled":
            assert trial.site.ask(Steer(f"back-{item}-{number}", "retry", item, "driver")).code == "ok"
    trial.did(f"{CONFLICTS} pairs of words", lambda: slowest)
    trial.took(slowest)

    assert site.ask(Switch(f"resume-{secrets.token_hex(8)}", "resume", ("dispatch",), "driver")).code == "ok"
    trial.settle()
    trial.remark = f"{CONFLICTS} pairs; the slowest pair is measured"


@pytest.mark.faults
@pytest.mark.timeout(300)
@pytest.mark.scenario("F53", "kill and retry of a running item at the same moment", bound=1)
def test_kill_and_retry_at_once_end_in_one_next_attempt(trial: Trial) -> None:
    site = trial.site
    item = trial.begin()
    slowest = 0.0
    for number in range(2):
        row = trial.running(item, beyond=number)
        replies: list[Reply] = []
        seconds = timed(lambda: replies.extend(at_once(trial, item, ("kill", "retry"), version=row["version"])))  # noqa: B023
        slowest = max(slowest, seconds)
        # Only one of the two can be said of a running item; the other is told so, whichever came first.
        assert [reply.code for reply in replies] in (["ok", "conflict"], ["conflict", "conflict"]), replies
        assert all(reply.reason for reply in replies if reply.code == "conflict")
        if replies[0].code == "ok":
            trial.running(item, beyond=row["epoch"])
    trial.did("kill and retry at once", lambda: slowest)
    trial.took(slowest)
    trial.settle(attempts=None)
    assert site.item(item)["attempts"] <= 2


@pytest.mark.faults
@pytest.mark.scenario("F53", "what an operator stopped stays stopped", bound=1)
def test_no_automation_takes_back_the_word_of_an_operator(trial: Trial) -> None:
    site = trial.site
    item = trial.begin()
    steered = trial.steer("cancel", trial.submit())
    assert steered.code == "ok"
    cancelled = trial.items[-1]
    assert steer_actor(site, "stop", "delivery").code == "ok"
    trial.did("delivery is stopped", lambda: node(site, "delivery")["stopped_by"] == "driver" and node(site, "delivery")["pid"] is None)
    for name in ("queue", "dispatcher", "learner", "journal"):
        trial.kill(trial.actor(name), name)
        trial.pause(1.1, 1.2)
    site.unsay("wait")
    eventually(lambda: site.item(item)["status"] == "publishing", 30, "its result waits")
    trial.pause(2, 3)
    assert node(site, "delivery")["pid"] is None, "automation started what an operator had stopped"
    assert site.item(cancelled)["status"] == "cancelled", "automation took up what an operator had cancelled"
    assert (site.item(cancelled)["epoch"], site.item(item)["status"]) == (site.item(cancelled)["epoch"], "publishing")

    assert steer_actor(site, "start", "delivery").code == "ok"
    trial.fault_ends("it is started again")
    eventually(lambda: node(site, "delivery")["state"] == "running", 20, "delivery runs")
    trial.took_since_fault()
    trial.settle(item)
    trial.settle(cancelled, status="cancelled")


@pytest.mark.faults
@pytest.mark.timeout(300)
@pytest.mark.scenario("F55", "a worker that no row names, beside work that begins", bound=13, own_database=True)
def test_an_orphan_is_removed_after_its_time_and_no_living_worker_with_it(trial: Trial) -> None:
    site = trial.site
    site.say("wait")
    forgotten = site.submit(site.repo)
    worker = eventually(lambda: site.agents().get(f"{forgotten}-1"), 60, "it has a worker")
    eventually(lambda: site.item(forgotten)["status"] == "running", 60)
    trial.kill(trial.actor("root"), "root")
    forget(site, forgotten)
    site.unsay("wait")
    site.up()
    trial.did("a worker lives that no row names", lambda: effects.lives(worker))

    with ThreadPoolExecutor(1) as beside:
        # Not after the items: how long those take is the machine's.
        ended = beside.submit(effects.ended_at, worker, 60)
        for _ in range(16):
            trial.submit()
            trial.pause(0.5, 0.7)
        took = trial.took_since_fault(ended.result())
    assert took >= 11, f"it was removed after {took:.1f} H: a host that is slow to finish making it would lose it"
    eventually(lambda: not (site.paths.workers / f"{forgotten}-1").exists(), 5, "its folder is removed")

    trial.settle()
    assert all(site.item(item)["epoch"] == 1 and site.item(item)["setbacks"] == 0 for item in trial.items), "a living worker was swept"
    trial.remark = f"{len(trial.items)} items began meanwhile"


@pytest.mark.faults
@pytest.mark.timeout(300)
@pytest.mark.scenario("F55", "a row whose worker was never made", bound=13)
def test_a_claim_that_nobody_was_told_of_is_worked_on_under_the_same_lease(trial: Trial) -> None:
    """F55: a row whose worker was never made."""
    site = trial.site
    for _ in range(RACES):
        site.hold("claimed")
        item = trial.submit()
        eventually(lambda: site.held("claimed"), 30, "it is claimed, and nobody knows")
        trial.kill(trial.actor("queue"), "queue, before it told of the claim")
        site.release("claimed")
        site.forget_holds()
        eventually(lambda item=item: site.item(item)["status"] not in {"assigned", "queued"}, 30, "it is begun")  # type: ignore[misc]
        trial.took_since_fault()
        trial.pause(1.1, 1.3)

    trial.settle()
    assert all(site.item(item)["epoch"] == 1 for item in trial.items), "a lease was thrown away"
    trial.remark = f"{RACES} a seed"
