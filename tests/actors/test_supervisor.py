"""The tree of processes, under everything that can happen to one."""

import os
import signal

import psutil
import pytest

from factory.errors import ActorUnavailable
from factory.protocol import mailbox as mail
from factory.protocol.limiter_mail import Room
from factory.transport.mailbox_link import mailbox_path
from tests.actors.sample import CRASH, LEAVE, Give, Remember
from tests.actors.tree import BOUND_SECONDS, Tree, grown
from tests.waiting import eventually

A, B, C = {"name": "a"}, {"name": "b"}, {"name": "c"}
WORK = mail.Work(mail.Lease("0123456789", 1), "repo", "main", "title", "spec", "engine", "source", "assigned")
WORKER = "worker-0123456789-1"


def test_children_start_one_after_the_other_in_the_order_of_the_list():
    with grown(A, B, C) as tree:
        tree.up()

        assert tree.diary.lines() == ["a starts", "a started", "b starts", "b started", "c starts", "c started", "up"]


def test_a_killed_child_is_restarted_and_reached_by_a_client_that_knows_nothing_of_it():
    with grown(A, B) as tree:
        first = tree.up().running("a")
        assert tree.ask("a", Give(1)) == Room(1)

        os.kill(first, signal.SIGKILL)

        assert tree.insist("a", Give(2)) == Room(2)
        node = tree.node("a")
        assert node
        assert (node.pid != first, node.restarts, node.reason) == (True, 1, "killed by SIGKILL")


@pytest.mark.parametrize(("number", "reason"), [(CRASH, "RuntimeError: told to crash"), (LEAVE, "ActorLeft: Plain raised SystemExit(0)")])
def test_an_exception_that_leaves_the_actor_ends_its_process_and_the_reason_is_shown(number: int, reason: str):
    with grown(A) as tree:
        first = tree.up().running("a")

        tree.mailbox.tell("a", Remember(5))
        with pytest.raises(ActorUnavailable):
            tree.ask("a", Give(number), seconds=0.2)

        tree.running("a", other_than=first)
        node = tree.node("a")
        assert node
        assert node.reason == reason
        assert tree.ask("a", Give(3)) == Room(3)


def test_a_core_child_that_cannot_start_ends_the_factory_with_one_sentence():
    with grown(A, {"name": "b", "kind": "fails_to_start", "intensity": [2, 60]}) as tree:
        assert tree.exit_code() == 1

        lines = tree.diary.lines()
        assert lines.count("b starts") == 3
        assert lines[-2:] == [
            "a stops",
            "The factory stops: b ended 3 times soon after its start, the last: StoreUnavailable: the database is away",
        ]
        tree.leaves_nothing()


def test_what_no_restart_mends_is_not_restarted():
    with grown(A, {"name": "b", "kind": "broken"}) as tree:
        assert tree.exit_code() == 1

        assert tree.diary.lines()[-1] == ("The factory stops: b cannot run: StoreMisconfigured: the database is of another kind")
        assert tree.diary.lines().count("b starts") == 1


def test_a_child_that_is_never_ready_is_killed_after_its_start_timeout():
    with grown({"name": "a", "kind": "never_ready", "start_timeout": 0.3, "intensity": [0, 60]}) as tree:
        assert tree.exit_code() == 1

        assert tree.diary.lines()[-1].endswith("it was not ready within 0.3 s")


def test_the_death_of_another_child_is_noticed_while_one_is_starting():
    with grown(A, {"name": "b", "kind": "never_ready", "start_timeout": 60}) as tree:
        first = tree.running("a")
        eventually(lambda: "b starts" in tree.diary.lines(), BOUND_SECONDS, tree.described)

        os.kill(first, signal.SIGKILL)

        tree.running("a", other_than=first)


def test_an_edge_child_that_cannot_live_is_left_down_alone_and_tried_again_after_a_while():
    edge = {"name": "b", "level": "edge", "kind": "fails_to_start", "intensity": [1, 2.0]}
    with grown(A, edge) as tree:
        tree.up()
        eventually(lambda: (node := tree.node("b")) and node.state == "gave up", BOUND_SECONDS, tree.described)
        before = tree.diary.lines().count("b starts")

        eventually(lambda: tree.diary.lines().count("b starts") > before, BOUND_SECONDS, tree.described)

        assert before == 2
        assert tree.ask("a", Give(1)) == Room(1)
        assert tree.root.poll() is None


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_stops_the_children_in_reverse_and_leaves_no_process(number: signal.Signals):
    with grown(A, B, C) as tree:
        tree.up()

        tree.root.send_signal(number)

        assert tree.exit_code() == 0
        # At once: the root waits for its fork server and the resource tracker too.
        assert tree.processes() == []
        assert tree.diary.lines()[-4:] == ["c stops", "b stops", "a stops", "stopped as asked"]


def test_it_stops_when_it_is_told_to():
    with grown(A) as tree:
        tree.up()

        assert tree.ask("supervisor", mail.Shutdown()) == mail.Ok()

        assert tree.exit_code() == 0


def test_a_signal_during_the_start_stops_what_has_started():
    with grown(A, {"name": "b", "kind": "never_ready", "shutdown": 0.2}, C) as tree:
        eventually(lambda: "b starts" in tree.diary.lines(), BOUND_SECONDS, tree.described)

        tree.root.send_signal(signal.SIGTERM)

        assert tree.exit_code() == 0
        assert tree.diary.lines() == ["a starts", "a started", "b starts", "a stops", "stopped as asked"]
        tree.leaves_nothing()


def test_a_child_that_does_not_stop_is_killed_when_its_time_is_over():
    with grown(A, {"name": "b", "kind": "stubborn", "shutdown": 0.2}) as tree:
        tree.up()

        tree.root.send_signal(signal.SIGTERM)

        assert tree.exit_code() == 0
        tree.leaves_nothing()


def test_a_stopped_child_is_killed_too():
    with grown({"name": "a", "shutdown": 0.2}) as tree:
        os.kill(tree.up().running("a"), signal.SIGSTOP)

        tree.root.send_signal(signal.SIGTERM)

        assert tree.exit_code() == 0
        tree.leaves_nothing()


def test_a_second_signal_stops_at_once():
    with grown(A, {"name": "b", "kind": "stubborn", "shutdown": 60}) as tree:
        tree.up()
        tree.root.send_signal(signal.SIGTERM)
        eventually(lambda: "b stops" in tree.diary.lines(), BOUND_SECONDS, tree.described)

        tree.root.send_signal(signal.SIGTERM)

        assert tree.exit_code() == 1
        tree.leaves_nothing()


def test_when_the_root_is_killed_all_leave():
    with grown(A, B, C) as tree:
        tree.up()
        assert len(tree.processes()) == 6, "root, fork server, resource tracker and three children"

        tree.root.send_signal(signal.SIGKILL)

        tree.leaves_nothing()


def test_children_survive_the_fork_server_and_are_still_restarted():
    with grown(A, B) as tree:
        a, b = tree.up().running("a"), tree.running("b")

        tree.fork_server().kill()
        os.kill(a, signal.SIGKILL)

        tree.running("a", other_than=a)
        node = tree.node("b")
        assert node
        assert (node.pid, node.restarts) == (b, 0)
        tree.root.send_signal(signal.SIGTERM)
        assert tree.exit_code() == 0
        assert tree.processes() == []


def test_a_stopped_fork_server_does_not_stop_the_root():
    with grown(A, {"name": "b", "level": "edge"}) as tree:
        b = tree.up().running("b")

        tree.fork_server().send_signal(signal.SIGSTOP)
        os.kill(b, signal.SIGKILL)

        # While it looks for the server the root answers late, but it does.
        tree.running("b", other_than=b)
        assert tree.ask("a", Give(1)) == Room(1)


def test_a_terminals_interrupt_does_not_reach_the_children():
    with grown(A) as tree:
        child = psutil.Process(tree.up().running("a"))

        for number in (signal.SIGINT, signal.SIGHUP):
            child.send_signal(number)

        assert tree.ask("a", Give(1)) == Room(1)
        assert tree.running("a") == child.pid
        assert os.getsid(child.pid) == child.pid


def test_a_worker_actor_is_started_once_however_often_it_is_asked_for():
    with grown(A) as tree:
        tree.up()

        assert tree.ask("supervisor", mail.StartWorkerActor(WORK)) == mail.Ok()
        first = tree.running(WORKER)
        assert tree.ask("supervisor", mail.StartWorkerActor(WORK)) == mail.Ok()

        assert tree.running(WORKER) == first
        assert tree.ask(WORKER, Give(4)) == Room(4)


def test_a_worker_actor_is_not_restarted_and_can_be_started_again():
    with grown(A) as tree:
        tree.up()
        tree.ask("supervisor", mail.StartWorkerActor(WORK))

        os.kill(tree.running(WORKER), signal.SIGKILL)

        eventually(lambda: tree.node(WORKER) is None, BOUND_SECONDS, tree.described)
        assert not tree.mailbox.tell(WORKER, Remember(1)), "its inbox is gone with it"
        assert tree.diary.lines().count(f"{WORKER} starts") == 1
        assert tree.ask("supervisor", mail.StartWorkerActor(WORK)) == mail.Ok()
        assert tree.running(WORKER)


@pytest.mark.parametrize("item", ["../../evil", "a/b", "", "x" * 5_000, "0123456789-1 "], ids=lambda item: item[:12])
def test_a_name_that_is_no_workers_makes_no_process_and_harms_nobody(item: str):
    with grown(A) as tree:
        tree.up()
        work = mail.Work(mail.Lease(item, 1), "repo", "main", "title", "spec", "engine", "source", "assigned")

        answer = tree.ask("supervisor", mail.StartWorkerActor(work))

        assert isinstance(answer, mail.Refused)
        assert [node.name for node in tree.ask("supervisor", mail.Children()).nodes] == ["a"]


def test_an_inbox_that_cannot_be_removed_is_no_reason_to_end_the_factory():
    with grown(A) as tree:
        tree.up()
        tree.ask("supervisor", mail.StartWorkerActor(WORK))
        pid = tree.running(WORKER)
        inbox = mailbox_path(tree.run_dir, WORKER)
        inbox.unlink()
        (inbox / "in the way").mkdir(parents=True)

        os.kill(pid, signal.SIGKILL)

        eventually(lambda: tree.node(WORKER) is None, BOUND_SECONDS, tree.described)


def test_worker_actors_stop_before_all_others():
    with grown(A, {"name": "b", "level": "edge"}) as tree:
        tree.up()
        tree.ask("supervisor", mail.StartWorkerActor(WORK))
        tree.running(WORKER)

        tree.root.send_signal(signal.SIGTERM)

        assert tree.exit_code() == 0
        assert tree.diary.lines()[-4:] == [f"{WORKER} stops", "b stops", "a stops", "stopped as asked"]


def test_an_inbox_takes_only_so_much():
    with grown(A) as tree:
        child = tree.up().running("a")
        os.kill(child, signal.SIGSTOP)
        most = 100_000

        taken = next((number for number in range(most) if not tree.mailbox.tell("a", Remember(number))), most)
        os.kill(child, signal.SIGCONT)

        assert 0 < taken < most
        assert tree.ask("a", Give(1)) == Room(1)


def _pids(tree: Tree) -> set[int]:
    return {process.pid for process in tree.processes()}


def test_a_child_that_ends_for_no_reason_is_restarted_as_well():
    with grown(A) as tree:
        first = tree.up().running("a")

        tree.ask("a", mail.Shutdown())

        assert tree.running("a", other_than=first) in _pids(tree)
