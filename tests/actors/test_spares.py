"""Warm spares: one becomes the actor that died, and nothing that happens to them is in the way of a restart."""

import os
import signal
from pathlib import Path

import psutil
import pytest

from factory.protocol.limiter_mail import Room
from tests.actors.sample import Give
from tests.actors.tree import BOUND_SECONDS, Tree, grown
from tests.waiting import eventually

A, B = {"name": "a"}, {"name": "b"}


def _waiting(tree: Tree, number: int) -> set[int]:
    """Pids of the spares, once there are so many."""

    def found() -> set[int] | None:
        spares = tree.spares()
        return spares if len(spares) == number else None

    return eventually(found, BOUND_SECONDS, tree.described)


def _catches(pid: int, number: signal.Signals) -> bool:
    status = Path(f"/proc/{pid}/status").read_text()
    caught = next(line for line in status.splitlines() if line.startswith("SigCgt:"))
    return bool(int(caught.split()[1], 16) >> (number - 1) & 1)


def _replaced(tree: Tree, name: str) -> int:
    first = tree.running(name)
    os.kill(first, signal.SIGKILL)
    return tree.running(name, other_than=first)


def test_a_spare_becomes_the_actor_that_died_and_another_one_takes_its_place():
    with grown(A, B, spares=1) as tree:
        (spare,) = _waiting(tree.up(), 1)

        assert _replaced(tree, "a") == spare

        assert tree.ask("a", Give(1)) == Room(1)
        (second,) = _waiting(tree, 1)
        assert _replaced(tree, "b") == second


def test_an_actor_that_was_a_spare_is_like_any_other():
    with grown(A, spares=1) as tree:
        tree.up()
        process = psutil.Process(_replaced(tree, "a"))

        for number in (signal.SIGINT, signal.SIGHUP):
            process.send_signal(number)

        assert tree.ask("a", Give(1)) == Room(1)
        assert os.getsid(process.pid) == process.pid
        tree.root.send_signal(signal.SIGTERM)
        assert tree.exit_code() == 0
        assert tree.diary.lines()[-2:] == ["a stops", "stopped as asked"]
        assert tree.processes() == []


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_spares_that_are_gone_or_stuck_are_passed_over_and_made_anew(number: signal.Signals):
    with grown(A, spares=2) as tree:
        spares = _waiting(tree.up(), 2)
        for spare in spares:
            os.kill(spare, number)

        assert _replaced(tree, "a") not in spares

        assert tree.ask("a", Give(1)) == Room(1)
        assert not spares & _waiting(tree, 2)


def test_without_a_spare_the_fork_server_makes_the_process():
    with grown(A, spares=0) as tree:
        tree.up()

        assert _replaced(tree, "a")

        assert tree.spares() == set()


def test_an_actor_of_a_kind_that_has_no_spares_leaves_them_to_the_others():
    other = {"name": "b", "kind": "ticking"}
    with grown(A, other, spares=1) as tree:
        spares = _waiting(tree.up(), 1)

        assert _replaced(tree, "b") not in spares

        assert tree.spares() == spares


def test_spares_serve_while_the_fork_server_is_gone():
    with grown(A, spares=1) as tree:
        (spare,) = _waiting(tree.up(), 1)

        tree.fork_server().kill()

        assert _replaced(tree, "a") == spare
        assert tree.ask("a", Give(1)) == Room(1)


def test_a_stop_leaves_no_spare_not_even_one_that_is_stuck():
    with grown(A, spares=2) as tree:
        os.kill(_waiting(tree.up(), 2).pop(), signal.SIGSTOP)

        tree.root.send_signal(signal.SIGTERM)

        assert tree.exit_code() == 0
        assert tree.processes() == []


def test_when_the_root_is_killed_its_spares_leave():
    with grown(A, spares=2) as tree:
        _waiting(tree.up(), 2)

        tree.root.send_signal(signal.SIGKILL)

        tree.leaves_nothing()


def test_a_terminals_interrupt_does_not_end_a_spare():
    with grown(A, spares=1) as tree:
        (spare,) = _waiting(tree.up(), 1)
        eventually(lambda: _catches(spare, signal.SIGHUP), BOUND_SECONDS, "it has set up its signals")

        # It is in the root's own session until it is an actor.
        os.kill(spare, signal.SIGINT)
        os.kill(spare, signal.SIGHUP)

        assert _replaced(tree, "a") == spare


def test_a_spare_has_no_variable_that_is_not_for_every_process(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("ANTHROPIC_API_KEY", "a secret")
    with grown(A, spares=1) as tree:
        (spare,) = _waiting(tree.up(), 1)

        environment = psutil.Process(spare).environ()

        assert psutil.Process(tree.root.pid).environ()["ANTHROPIC_API_KEY"] == "a secret"
        assert "a secret" not in environment.values()
        assert environment["PATH"] == os.environ["PATH"]


def test_actors_that_die_together_all_come_back_with_fewer_spares_than_deaths():
    names = [f"a{number}" for number in range(4)]
    with grown(*({"name": name} for name in names), spares=2) as tree:
        tree.up()
        first = {name: tree.running(name) for name in names}

        for pid in first.values():
            os.kill(pid, signal.SIGKILL)

        for name in names:
            tree.running(name, other_than=first[name])
            assert tree.ask(name, Give(1)) == Room(1)
        assert len(_waiting(tree, 2)) == 2
