"""The word of an operator about one child: no automation takes it back."""

import os
import signal

import pytest

from factory.protocol import mailbox as mail
from factory.protocol.commands import Reply
from factory.protocol.limiter_mail import Room
from tests.actors.sample import Give, Remember
from tests.actors.tree import BOUND_SECONDS, grown
from tests.waiting import eventually

A, B, C = {"name": "a"}, {"name": "b"}, {"name": "c"}
HELD = "stopped by operator"


def test_what_an_operator_stopped_ends_in_order_and_is_not_restarted():
    with grown(A, B) as tree:
        tree.up()

        assert tree.steer("stop", "a").code == "ok"

        node = tree.state("a", HELD)
        assert (node.pid, node.stopped_by, node.restarts) == (None, "somebody", 0)
        assert tree.diary.lines()[-1] == "a stops"
        assert not tree.mailbox.tell("a", Remember(1)), "its inbox is gone with it"
        assert tree.ask("b", Give(1)) == Room(1)


def test_it_stays_stopped_when_its_siblings_are_restarted_with_each_other():
    with grown(A, B, C, policies={"core": {"strategy": "one_for_all"}}) as tree:
        a, c = tree.up().running("a"), tree.running("c")
        tree.steer("stop", "b")
        tree.state("b", HELD)

        os.kill(a, signal.SIGKILL)

        tree.running("a", other_than=a)
        tree.running("c", other_than=c)
        tree.state("b", HELD)
        assert tree.diary.lines().count("b starts") == 1


def test_a_stop_holds_for_a_child_that_waits_for_its_next_try():
    fails = {"name": "b", "level": "edge", "kind": "fails_to_start", "intensity": [0, 0.5]}
    with grown(A, fails) as tree:
        tree.up().state("b", "gave up")

        tree.steer("stop", "b")

        tree.state("b", HELD)
        tries = tree.diary.lines().count("b starts")
        # The time of the next try has come when a child that was killed later has been restarted twice over.
        for _ in range(2):
            pid = tree.running("a")
            os.kill(pid, signal.SIGKILL)
            tree.running("a", other_than=pid)
        assert tree.diary.lines().count("b starts") == tries


def test_a_stop_during_the_start_lets_those_after_it_start():
    with grown(A, {"name": "b", "kind": "never_ready", "shutdown": 0.2, "start_timeout": 60}, C) as tree:
        eventually(lambda: "b starts" in tree.diary.lines(), BOUND_SECONDS, tree.described)

        tree.steer("stop", "b")

        tree.running("c")
        tree.state("b", HELD)


def test_a_child_that_does_not_stop_is_killed_and_stays_stopped():
    with grown({"name": "a", "kind": "stubborn", "shutdown": 0.2}) as tree:
        tree.up().steer("stop", "a")

        tree.state("a", HELD)


def test_only_the_word_start_starts_it_again():
    with grown(A) as tree:
        tree.up().steer("stop", "a")
        tree.state("a", HELD)

        assert tree.steer("start", "a").code == "ok"

        tree.running("a")
        node = tree.node("a")
        assert node
        assert node.stopped_by == ""
        assert tree.ask("a", Give(2)) == Room(2)


def test_start_right_after_stop_ends_in_running():
    with grown(A) as tree:
        first = tree.up().running("a")

        tree.steer("stop", "a")
        tree.steer("start", "a")

        tree.running("a", other_than=first)


def test_stop_right_after_restart_ends_in_stopped():
    with grown(A) as tree:
        tree.up().steer("restart", "a")
        tree.steer("stop", "a")

        tree.state("a", HELD)
        assert tree.diary.lines().count("a starts") == 1


def test_starting_what_runs_changes_nothing():
    with grown(A) as tree:
        first = tree.up().running("a")

        assert tree.steer("start", "a").code == "ok"

        assert tree.running("a") == first


def test_a_restart_is_in_order_counts_as_no_failure_and_concerns_no_sibling():
    with grown(A, B, policies={"core": {"strategy": "one_for_all", "intensity": [0, 60]}}) as tree:
        first, b = tree.up().running("a"), tree.running("b")

        reply = tree.steer("restart", "a")

        tree.running("a", other_than=first)
        node = tree.node("a")
        assert node
        assert (reply.data["pid_before"], node.reason, tree.running("b")) == (first, "", b)
        assert tree.diary.lines()[-3:] == ["a stops", "a starts", "a started"]


def test_a_command_said_twice_is_carried_out_once():
    with grown(A) as tree:
        first = tree.up().running("a")
        answer = tree.steer("restart", "a", command="the same")
        second = tree.running("a", other_than=first)

        assert tree.steer("restart", "a", command="the same") == answer

        assert tree.running("a") == second


@pytest.mark.parametrize(
    ("verb", "name", "code", "reason"),
    [
        ("stop", "nobody", "not_found", "there is no actor 'nobody'; there are a, database"),
        ("start", "../../etc", "not_found", "there is no actor '../../etc'"),
        ("restart", "supervisor", "refused", "`factory down` stops it"),
        ("stop", "database", "refused", "no other actor can work without the database"),
        ("stop", "worker-0123456789-1", "refused", "`factory kill ITEM` ends the attempt"),
    ],
)
def test_what_cannot_be_steered_is_refused_with_a_reason(verb: str, name: str, code: str, reason: str):
    work = mail.Work(mail.Lease("0123456789", 1), "repo", "main", "title", "spec", "engine", "source", "assigned")
    with grown(A, {"name": "database"}) as tree:
        tree.up().ask("supervisor", mail.StartWorkerActor(work))

        reply = tree.steer(verb, name)  # type: ignore[arg-type]

        assert reply.code == code
        assert reason in reply.reason
        assert {node.state for node in tree.ask("supervisor", mail.Children()).nodes} <= {"running", "starting"}


def test_a_factory_with_a_stopped_child_stops_as_any_other():
    with grown(A, B) as tree:
        tree.up().steer("stop", "a")
        tree.state("a", HELD)

        tree.root.send_signal(signal.SIGTERM)

        assert tree.exit_code() == 0
        tree.leaves_nothing()


def test_while_the_factory_stops_no_child_is_started_by_an_operator():
    with grown(A, {"name": "b", "kind": "stubborn", "shutdown": 20}) as tree:
        tree.up().ask("supervisor", mail.Shutdown())

        assert tree.steer("restart", "a") == Reply("unavailable", "the factory is stopping")
