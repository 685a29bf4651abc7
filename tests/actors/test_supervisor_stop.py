"""How the whole factory is stopped: at once, in order, leaving workers alone, or when nothing is left to do; and during its start."""

import random
import signal
import time

import pytest

from factory.protocol import mailbox as mail
from factory.transport.mailbox_link import mailbox_path
from tests.actors.tree import BOUND_SECONDS, Tree, grown
from tests.waiting import eventually

A, B, C = {"name": "a"}, {"name": "b"}, {"name": "c", "level": "edge"}
WORK = mail.Work(mail.Lease("0123456789", 1), "repo", "main", "title", "spec", "engine", "source", "assigned")
WORKER = "worker-0123456789-1"

START_SECONDS = 0.8
"""From the start of the program until all is up, about; a signal may come at any time in it."""


def at_work(tree: Tree) -> Tree:
    tree.up().ask("supervisor", mail.StartWorkerActor(WORK))
    tree.running(WORKER)
    return tree


def stopping(tree: Tree) -> str:
    found = tree.ask("supervisor", mail.Children())
    assert isinstance(found, mail.Tree)
    return found.stopping


def test_now_asks_workers_actors_first():
    with grown(A, B) as tree:
        at_work(tree).ask("supervisor", mail.Shutdown("now"))

        assert tree.exit_code() == 0
        assert tree.diary.lines()[-4:] == [f"{WORKER} stops", "b stops", "a stops", "stopped as asked"]


def test_detach_gives_workers_actors_no_time_to_give_work_back_and_stops_the_rest_in_order():
    with grown(A, B) as tree:
        at_work(tree).ask("supervisor", mail.Shutdown("detach"))

        assert tree.exit_code() == 0
        assert tree.diary.lines()[-3:] == ["b stops", "a stops", "stopped as asked"]
        assert f"{WORKER} stops" not in tree.diary.lines()
        tree.leaves_nothing()


def test_an_actor_that_ended_in_a_stop_has_no_address_for_which_others_would_wait_with_their_own_end():
    with grown(A, {"name": "b", "kind": "stubborn", "shutdown": 5}) as tree:
        at_work(tree)

        tree.ask("supervisor", mail.Shutdown("detach"))

        eventually(lambda: not mailbox_path(tree.run_dir, WORKER).exists() or tree.root.poll() is not None, BOUND_SECONDS)
        assert tree.root.poll() is None, "its address was there until all had ended"
        assert tree.exit_code() == 0


def test_drain_only_says_so_until_somebody_says_that_nothing_is_left():
    with grown(A) as tree:
        at_work(tree)
        assert stopping(tree) == ""

        assert tree.ask("supervisor", mail.Shutdown("drain")) == mail.Ok()

        assert stopping(tree) == "drain"
        assert tree.ask("supervisor", mail.StartWorkerActor(WORK)) == mail.Ok(), "what was claimed is still looked after"
        assert tree.root.poll() is None
        tree.ask("supervisor", mail.Shutdown("now"))
        assert tree.exit_code() == 0


@pytest.mark.parametrize("word", ["now", "detach"])
def test_another_word_overrides_a_drain(word: mail.StopMode):
    with grown(A) as tree:
        at_work(tree).ask("supervisor", mail.Shutdown("drain"))

        tree.ask("supervisor", mail.Shutdown(word))

        assert tree.exit_code() == 0
        assert (f"{WORKER} stops" in tree.diary.lines()) is (word == "now")


def test_a_signal_overrides_a_drain_and_is_no_second_signal():
    with grown(A) as tree:
        at_work(tree).ask("supervisor", mail.Shutdown("drain"))

        tree.root.send_signal(signal.SIGTERM)

        assert tree.exit_code() == 0
        assert f"{WORKER} stops" in tree.diary.lines()


def test_a_stop_that_has_begun_cannot_become_a_drain():
    with grown({"name": "a", "kind": "stubborn", "shutdown": 2}) as tree:
        tree.up().ask("supervisor", mail.Shutdown("now"))

        tree.ask("supervisor", mail.Shutdown("drain"))

        assert stopping(tree) == "now"
        assert tree.exit_code() == 0


def test_detach_overrides_now_for_workers_actors_that_are_still_there():
    with grown(A, {"name": "b", "kind": "stubborn", "shutdown": 2}) as tree:
        at_work(tree)
        tree.ask("supervisor", mail.Shutdown("now"))

        tree.ask("supervisor", mail.Shutdown("detach"))

        assert stopping(tree) == "detach"
        assert tree.exit_code() == 0
        tree.leaves_nothing()


def _stopped_at(seconds: float) -> None:
    """Starts a tree, says SIGTERM so many seconds later, and looks at what is left."""
    with grown(A, B, C, spares=1) as tree:
        end = time.monotonic() + seconds
        eventually(lambda: time.monotonic() >= end, BOUND_SECONDS)

        tree.root.send_signal(signal.SIGTERM)

        # Before it listens to signals the signal itself ends it, as any program.
        assert tree.exit_code() in {0, -signal.SIGTERM}, tree.described()
        tree.leaves_nothing()


@pytest.mark.parametrize("part", [0.1, 0.45, 0.7, 0.9])
def test_a_signal_during_the_start_leaves_nothing(part: float):
    _stopped_at(part * START_SECONDS)


@pytest.mark.faults
@pytest.mark.parametrize("seed", range(20))
def test_a_signal_at_any_point_of_the_start_leaves_nothing(seed: int):
    _stopped_at(random.Random(seed).random() * START_SECONDS)


NEEDED = ("queue", "dispatcher", "delivery")


def _held(tree: Tree, name: str) -> None:
    tree.steer("stop", name)
    tree.state(name, "stopped by operator")


@pytest.mark.parametrize("name", NEEDED)
def test_a_drain_that_could_never_end_is_refused_and_says_what_is_missing(name: str):
    with grown(A, {"name": name}) as tree:
        _held(tree.up(), name)

        answer = tree.ask("supervisor", mail.Shutdown("drain"))

        assert isinstance(answer, mail.Refused)
        assert name in answer.reason
        assert stopping(tree) == ""
        tree.steer("start", name)
        tree.running(name)
        assert tree.ask("supervisor", mail.Shutdown("drain")) == mail.Ok()


@pytest.mark.parametrize("name", NEEDED)
def test_a_drain_keeps_those_without_whom_it_never_ends(name: str):
    with grown(A, {"name": name}) as tree:
        tree.up().ask("supervisor", mail.Shutdown("drain"))

        refused, other = tree.steer("stop", name), tree.steer("stop", "a")

        assert (refused.code, other.code) == ("refused", "ok")
        assert "factory down" in refused.reason
        assert tree.steer("restart", name).code == "ok"


QUEUE = {"name": "queue"}


def test_a_queue_that_an_operator_stopped_comes_back_to_take_the_work_before_the_factory_stops():
    with grown(QUEUE, A) as tree:
        _held(at_work(tree), "queue")

        tree.ask("supervisor", mail.Shutdown("now"))

        assert tree.exit_code() == 0
        said = tree.diary.lines()
        assert said[-5:] == ["queue started", f"{WORKER} stops", "a stops", "queue stops", "stopped as asked"]


def test_a_queue_that_cannot_come_back_keeps_no_stop_up():
    with grown({"name": "queue", "kind": "fails_second_start"}, A) as tree:
        _held(at_work(tree), "queue")

        tree.ask("supervisor", mail.Shutdown("now"))

        assert tree.exit_code() == 0
        said = tree.diary.lines()
        assert said.index("queue starts", said.index("queue stops")) < said.index(f"{WORKER} stops") < said.index("a stops")
        tree.leaves_nothing()


def test_a_second_signal_does_not_wait_for_a_queue_to_come_back():
    with grown({"name": "queue", "kind": "hangs_second_start"}, A) as tree:
        _held(at_work(tree), "queue")
        tree.root.send_signal(signal.SIGTERM)
        eventually(lambda: tree.diary.lines().count("queue starts") == 2, BOUND_SECONDS, tree.described)

        tree.root.send_signal(signal.SIGTERM)

        assert tree.exit_code() == 1
        tree.leaves_nothing()


def test_without_work_under_way_and_for_a_detach_a_stopped_queue_stays_stopped():
    with grown(QUEUE, A) as tree:
        _held(tree.up(), "queue")
        tree.ask("supervisor", mail.Shutdown("now"))
        assert tree.exit_code() == 0
        assert tree.diary.lines().count("queue starts") == 1
