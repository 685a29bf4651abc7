"""Children that live and do not answer, and those that only look so."""

import json
import os
import signal
import time

import pytest

from factory.domain.health import HealthTerms
from factory.errors import ActorUnavailable
from factory.protocol import mailbox as mail
from factory.protocol.limiter_mail import Room
from tests.actors.sample import HANG, WAIT, Give, Remember
from tests.actors.tree import BOUND_SECONDS, Tree, grown
from tests.waiting import eventually

A, B = {"name": "a"}, {"name": "b"}
QUICK = 0.25
SILENCE = HealthTerms(QUICK).silence


def hangs_in_its_turn(tree: Tree, name: str, number: int = HANG) -> None:
    with pytest.raises(ActorUnavailable):
        tree.ask(name, Give(number), seconds=0.1)


def time_passes(seconds: float) -> None:
    """What is tried is that nothing happens in it."""
    end = time.monotonic() + seconds
    eventually(lambda: time.monotonic() >= end, seconds + BOUND_SECONDS)


def test_a_stopped_child_is_replaced_and_its_neighbours_are_not():
    with grown(A, B, heartbeat=QUICK) as tree:
        a, b = tree.up().running("a"), tree.running("b")

        os.kill(a, signal.SIGSTOP)

        tree.running("a", other_than=a)
        node = tree.node("a")
        assert node
        assert node.reason.startswith("it did not answer for ")
        assert tree.running("b") == b
        assert tree.insist("a", Give(1)) == Room(1)


def test_a_child_whose_turn_hangs_is_replaced():
    with grown({**A, "longest_turn": 0.5}, B, heartbeat=QUICK) as tree:
        a, b = tree.up().running("a"), tree.running("b")

        hangs_in_its_turn(tree, "a")

        tree.running("a", other_than=a)
        node = tree.node("a")
        assert node
        assert node.reason.startswith("its turn hangs: ")
        assert tree.running("b") == b


def test_a_child_that_hangs_again_and_again_is_given_up_and_its_neighbours_are_not():
    spec = {"name": "a", "level": "edge", "longest_turn": 0.5, "intensity": (1, 60.0)}
    with grown(spec, {**B, "level": "edge"}, heartbeat=QUICK) as tree:
        a, b = tree.up().running("a"), tree.running("b")

        hangs_in_its_turn(tree, "a")
        tree.running("a", other_than=a)
        hangs_in_its_turn(tree, "a")

        eventually(lambda: (node := tree.node("a")) and node.state == "gave up", BOUND_SECONDS, tree.described)
        assert tree.running("b") == b


def test_a_child_whose_turn_waits_for_its_store_is_left_alone():
    with grown({**A, "longest_turn": 0.5}, heartbeat=QUICK) as tree:
        a = tree.up().running("a")

        assert tree.ask("a", Give(WAIT)) == Room(WAIT)

        node = tree.node("a")
        assert node
        assert (node.pid, node.restarts) == (a, 0)


def test_a_long_turn_is_no_hanging_and_its_inbox_is_counted():
    with grown(A, heartbeat=QUICK) as tree:
        a = tree.up().running("a")

        hangs_in_its_turn(tree, "a")
        for number in range(1_500):
            tree.mailbox.tell("a", Remember(number))

        # The question was taken into the turn, and beside it what one more turn can take. What waits in the sockets nobody counts.
        eventually(lambda: (node := tree.node("a")) and node.inbox == 501, BOUND_SECONDS, tree.described)
        time_passes(SILENCE + 2 * QUICK)
        node = tree.node("a")
        assert node
        assert (node.pid, node.state) == (a, "running")


def test_an_idle_child_has_an_empty_inbox():
    with grown(A, heartbeat=QUICK) as tree:
        tree.up()

        eventually(lambda: (node := tree.node("a")) and node.inbox == 0, BOUND_SECONDS, tree.described)


def test_nobody_is_killed_when_all_were_suspended():
    with grown(A, B, heartbeat=QUICK) as tree:
        pids = {name: tree.up().running(name) for name in ("a", "b")}
        everyone = tree.processes()

        # The one who judges goes last, with questions that nobody answers any more, and comes back first.
        root, *others = sorted(everyone, key=lambda process: process.pid != tree.root.pid)
        for process in others:
            process.suspend()
        time_passes(2 * QUICK)
        root.suspend()
        time_passes(SILENCE + 1)
        root.resume()
        eventually(lambda: "root.was_away" in tree.described(), BOUND_SECONDS, tree.described)
        for process in others:
            process.resume()

        time_passes(4 * QUICK)
        nodes = {node.name: (node.pid, node.restarts) for node in tree.ask("supervisor", mail.Children()).nodes}
        assert nodes == {name: (pid, 0) for name, pid in pids.items()}


def test_a_stopped_worker_actor_is_ended_for_the_dispatcher_to_see():
    work = mail.Work(mail.Lease("0123456789", 1), "repo", "main", "title", "spec", "engine", "source", "assigned")
    with grown(A, heartbeat=QUICK) as tree:
        tree.up().ask("supervisor", mail.StartWorkerActor(work))

        os.kill(tree.running("worker-0123456789-1"), signal.SIGSTOP)

        eventually(lambda: tree.node("worker-0123456789-1") is None, BOUND_SECONDS, tree.described)


def test_a_stopped_child_that_keeps_leases_is_replaced_sooner_than_the_others():
    with grown({**A, "keeps_leases": True}, B, heartbeat=QUICK) as tree:
        a, b = tree.up().running("a"), tree.running("b")

        os.kill(b, signal.SIGSTOP)
        os.kill(a, signal.SIGSTOP)

        tree.running("a", other_than=a)
        tree.running("b", other_than=b)
        hung = [
            line["child"] for line in map(json.loads, (tree.run_dir / "log").read_text().splitlines()) if line["event"] == "child.hangs"
        ]
        assert hung == ["a", "b"]
