"""Siblings of a child that dies, levels that give up, and starts that fail or block in between, with real processes."""

import os
import signal

import pytest

from factory.protocol import mailbox as mail
from factory.protocol.limiter_mail import Room
from tests.actors.sample import Give
from tests.actors.tree import BOUND_SECONDS, Tree, grown
from tests.waiting import eventually

A, B, C = {"name": "a"}, {"name": "b"}, {"name": "c"}
ALL = {"policies": {"core": {"strategy": "one_for_all"}}}
REST = {"policies": {"core": {"strategy": "rest_for_one"}}}


def killed(tree: Tree, name: str) -> dict[str, int]:
    """Kills it, and returns the pids of all that ran before."""
    pids = {child: tree.running(child) for child in ("a", "b", "c")}
    os.kill(pids[name], signal.SIGKILL)
    return pids


def after_up(tree: Tree, until: str) -> list[str]:
    """The diary from the end of the start to a line, which is waited for."""

    def lines() -> list[str]:
        found = tree.diary.lines()
        found = found[found.index("up") + 1 :]
        return found if until in found else []

    return eventually(lines, BOUND_SECONDS, tree.described)


def test_one_for_all_stops_the_others_in_reverse_and_starts_all_in_order():
    with grown(A, B, C, **ALL) as tree:
        before = killed(tree.up(), "b")

        lines = after_up(tree, "c started")

        assert lines == ["c stops", "a stops", "a starts", "a started", "b starts", "b started", "c starts", "c started"]
        assert all(tree.running(name, other_than=pid) for name, pid in before.items())


def test_rest_for_one_leaves_those_alone_that_were_started_before():
    with grown(A, B, C, **REST) as tree:
        before = killed(tree.up(), "b")

        lines = after_up(tree, "c started")

        assert lines == ["c stops", "b starts", "b started", "c starts", "c started"]
        assert tree.running("a") == before["a"]


def test_siblings_that_were_only_stopped_for_another_have_no_reason_of_their_own():
    with grown(A, B, C, **ALL) as tree:
        killed(tree.up(), "b")
        after_up(tree, "c started")

        found = {node.name: (node.restarts, node.reason) for node in tree.ask("supervisor", mail.Children()).nodes}

        assert found == {"a": (1, ""), "b": (1, "killed by SIGKILL"), "c": (1, "")}


def test_another_level_is_left_alone():
    with grown(A, B, {"name": "c", "level": "edge"}, **ALL) as tree:
        before = killed(tree.up(), "a")

        tree.running("b", other_than=before["b"])

        assert tree.running("c") == before["c"]


def test_temporary_siblings_are_stopped_and_stay_away():
    with grown(A, B, {"name": "c", "restart": "temporary"}, **ALL) as tree:
        before = killed(tree.up(), "b")

        tree.running("b", other_than=before["b"])

        assert tree.state("c", "stopped").pid is None
        assert tree.diary.lines().count("c starts") == 1


def test_a_transient_sibling_that_had_finished_is_started_with_the_others():
    with grown(A, {"name": "b", "restart": "transient"}, C, **ALL) as tree:
        tree.up().ask("b", mail.Shutdown())
        tree.state("b", "stopped")

        os.kill(tree.running("a"), signal.SIGKILL)

        assert tree.running("b")


@pytest.mark.parametrize("options", [ALL, REST], ids=["one_for_all", "rest_for_one"])
def test_a_child_that_fails_while_its_siblings_are_restarted_makes_them_begin_anew(options: dict[str, object]):
    with grown(A, {"name": "b", "kind": "fails_second_start"}, C, **options) as tree:
        killed(tree.up(), "a")

        lines = after_up(tree, "c started")

        starts = [line for line in lines if line.endswith("starts")]
        again = ["a starts"] if options is ALL else []
        assert starts == ["a starts", "b starts", *again, "b starts", "c starts"]


def test_an_earlier_sibling_that_dies_while_later_ones_are_restarted_widens_the_restart():
    with grown(A, {"name": "b", "kind": "hangs_second_start", "shutdown": 0.2, "start_timeout": 60}, C, **REST) as tree:
        first = killed(tree.up(), "b")["a"]
        eventually(lambda: tree.diary.lines().count("b starts") == 2, BOUND_SECONDS, tree.described)

        os.kill(first, signal.SIGKILL)

        tree.running("a", other_than=first)
        eventually(lambda: tree.diary.lines().count("b starts") == 3, BOUND_SECONDS, tree.described)
        assert tree.diary.lines().count("c starts") == 1


def test_a_restart_that_blocks_hinders_neither_others_nor_a_stop():
    hangs = {"name": "b", "kind": "hangs_second_start", "shutdown": 0.2, "start_timeout": 60}
    with grown(A, hangs, {"name": "c", "level": "edge"}, **REST) as tree:
        c = killed(tree.up(), "b")["c"]
        eventually(lambda: tree.diary.lines().count("b starts") == 2, BOUND_SECONDS, tree.described)

        os.kill(c, signal.SIGKILL)
        tree.running("c", other_than=c)
        tree.root.send_signal(signal.SIGTERM)

        assert tree.exit_code() == 0
        tree.leaves_nothing()


def test_a_restart_that_keeps_failing_does_not_hinder_a_stop():
    fails = {"name": "b", "kind": "fails_to_start", "level": "edge", "intensity": [1000, 60]}
    with grown(A, fails) as tree:
        tree.up()
        eventually(lambda: tree.diary.lines().count("b starts") > 3, BOUND_SECONDS, tree.described)

        tree.root.send_signal(signal.SIGTERM)

        assert tree.exit_code() == 0
        tree.leaves_nothing()


def test_a_hanging_restart_loop_ends_with_the_level():
    hangs = {"name": "b", "kind": "hangs_second_start", "shutdown": 0.2, "start_timeout": 0.2, "intensity": [2, 60]}
    with grown(A, hangs, C) as tree:
        killed(tree.up(), "b")

        assert tree.exit_code() == 1
        assert "it was not ready within 0.2 s" in tree.diary.lines()[-1]
        tree.leaves_nothing()


def test_a_blocked_start_leaves_those_before_alone_and_those_after_unstarted():
    blocked = {"name": "b", "kind": "never_ready", "start_timeout": 0.3, "intensity": [2, 60]}
    with grown(A, blocked, C) as tree:
        assert tree.exit_code() == 1

        lines = tree.diary.lines()
        assert (lines.count("a starts"), lines.count("b starts"), lines.count("c starts")) == (1, 3, 0)
        assert lines[-2:] == ["a stops", "The factory stops: b ended 3 times soon after its start, the last: it was not ready within 0.3 s"]


@pytest.mark.parametrize("strategy", ["one_for_one", "one_for_all", "rest_for_one"])
def test_a_level_that_restarts_too_often_gives_up_and_the_factory_stops(strategy: str):
    with grown(A, B, C, policies={"core": {"strategy": strategy, "intensity": [1, 60]}}) as tree:
        before = killed(tree.up(), "a")
        pid = tree.running("a", other_than=before["a"])
        tree.running("c", other_than=None if strategy == "one_for_one" else before["c"])

        os.kill(pid, signal.SIGKILL)

        assert tree.exit_code() == 1
        assert tree.diary.lines()[-1].startswith("The factory stops: level core: more than 1 restarts within 60 s, the last of a: killed")
        tree.leaves_nothing()


def test_a_level_that_the_factory_can_do_without_is_started_anew_as_a_whole():
    b, c = ({"name": name, "level": "edge"} for name in ("b", "c"))
    with grown(A, b, c, policies={"edge": {"intensity": [0, 60]}}) as tree:
        before = killed(tree.up(), "b")

        lines = after_up(tree, "c started")

        assert lines == ["c stops", "b starts", "b started", "c starts", "c started"]
        assert tree.running("a") == before["a"]


def test_a_level_that_was_started_anew_too_often_rests_while_the_others_work():
    with grown(A, B, {"name": "c", "level": "edge"}, policies={"edge": {"intensity": [0, 60], "escalation": [0, 2.0]}}) as tree:
        first = killed(tree.up(), "c")["c"]

        assert tree.state("c", "waiting").pid is None

        assert tree.ask("a", Give(1)) == Room(1)
        assert tree.running("c", other_than=first)


def test_a_fatal_level_may_be_started_anew_before_the_factory_stops():
    with grown(A, B, C, policies={"core": {"intensity": [0, 60], "escalation": [1, 60]}}) as tree:
        before = killed(tree.up(), "b")
        pids = [tree.running(name, other_than=pid) for name, pid in before.items()]

        os.kill(pids[0], signal.SIGKILL)

        assert tree.exit_code() == 1
        tree.leaves_nothing()


def test_a_stop_while_siblings_are_being_stopped_for_a_restart_ends_all():
    with grown(A, B, {"name": "c", "kind": "stubborn", "shutdown": 0.5}, **ALL) as tree:
        killed(tree.up(), "a")
        eventually(lambda: "c stops" in tree.diary.lines(), BOUND_SECONDS, tree.described)

        tree.root.send_signal(signal.SIGTERM)

        assert tree.exit_code() == 0
        assert tree.diary.lines().count("a starts") == 1
        tree.leaves_nothing()


def test_brutal_kill_asks_nobody():
    with grown(A, {"name": "b", "shutdown": None}) as tree:
        tree.up().root.send_signal(signal.SIGTERM)

        assert tree.exit_code() == 0
        assert "b stops" not in tree.diary.lines()
        tree.leaves_nothing()
