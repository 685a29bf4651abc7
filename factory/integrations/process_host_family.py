"""Everything that a worker started, found by what it cannot shed, and ended until nothing is left.

A coding agent's shell runs its commands in sessions of their own: they survive the end of the agent and of its process
group. So a family is found by several signs, each of which alone can be shed: the markers in the environment that all
descendants inherit, the uid where the worker has one of its own, and descent. In bubblewrap the pid namespace is held by
descent: orphans there fall to the namespace's own init, and the kernel ends all of them with it.
"""

import os
import signal
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass

from factory.errors import HostUnavailable
from factory.integrations.process_host_table import Process, environment, is_over, same, send, snapshot, wait_over

ROUNDS = 250
ROUND_SECONDS = 0.02
"""Rounds of killing: together a little more than five seconds, in which a process leaves unless the kernel holds it."""
_ROUNDS_OF_KILLING_ALL = 5
_KILL_ALL_SECONDS = 5
"""For a shell to start and kill on a machine that a worker keeps busy. The shell runs as the worker, who could stop it."""
_INIT = 1


@dataclass(frozen=True, slots=True)
class Kin:
    """What the processes of one worker have in common.

    Attributes:
        markers: lines of the environment; one of them is enough.
        uid: where the worker has one that nobody else on this machine has.
        leader: pid and start time of the process that the host spawned.
        wrapped: the leader is bubblewrap, and the worker is pid 2 of the namespace in it.
    """

    markers: frozenset[bytes]
    uid: int | None = None
    leader: tuple[int, int] | None = None
    wrapped: bool = False


def members(kin: Kin) -> dict[int, Process]:
    """All processes of the family that still run, by pid."""
    table = {pid: process for pid, process in snapshot().items() if pid not in {os.getpid(), _INIT}}
    found = {pid for pid, process in table.items() if _carries_a_sign(process, kin)}
    return {pid: table[pid] for pid in _with_descendants(found, table) if not table[pid].over}


def eldest(family: dict[int, Process]) -> Process | None:
    """The one that the others descend from.

    Not by start time alone, whose ticks are too coarse for a process and its first child, nor by pid: pids begin again.
    """
    roots = (process for process in family.values() if process.parent not in family)
    return min(roots, key=lambda process: process.started, default=None)


def end(kin: Kin, grace: float) -> None:
    """SIGTERM to the worker's group, `grace` seconds, then SIGKILL for whatever is left of the family.

    Raises:
        HostUnavailable: something survived SIGKILL for all rounds (the kernel holds it, or it is another user's).
    """
    family = members(kin)
    leader = family.get(kin.leader[0]) if kin.leader else eldest(family)
    if leader is not None and grace > 0:
        _ask_to_leave(kin, leader, grace)
    _kill_until_gone(kin, family)


def _carries_a_sign(process: Process, kin: Kin) -> bool:
    if process.uid == kin.uid or (process.pid, process.started) == kin.leader:
        return True
    return not kin.markers.isdisjoint(environment(process.pid))


def _with_descendants(found: set[int], table: dict[int, Process]) -> set[int]:
    children: dict[int, list[int]] = {}
    for process in table.values():
        children.setdefault(process.parent, []).append(process.pid)
    reached: set[int] = set()
    waiting = list(found)
    while waiting:
        pid = waiting.pop()
        if pid not in reached:
            reached.add(pid)
            waiting += children.get(pid, ())
    return reached


def _ask_to_leave(kin: Kin, leader: Process, grace: float) -> None:
    """Looks for the worker again while it waits: right after a start bubblewrap has not forked it yet."""
    tries = max(1, int(grace / ROUND_SECONDS)) if kin.wrapped else 1
    for left in range(tries, 0, -1):
        worker = _worker_in(members(kin)) if kin.wrapped else leader
        if worker is not None:
            _terminate(worker)
            wait_over(leader, grace * left / tries)
            return
        if wait_over(leader, ROUND_SECONDS):
            return


def _worker_in(family: dict[int, Process]) -> Process | None:
    """Pid 2 of bubblewrap's namespace.

    Bubblewrap itself would die of SIGTERM without passing it on, and take the exit code with it; its init is deaf to it.
    A namespace in the namespace is the agent's own affair.
    """
    inside = (process for process in family.values() if len(process.namespaces) == 1)
    return min((process for process in inside if process.namespaces[0] > _INIT), key=_inner, default=None)


def _inner(process: Process) -> int:
    return process.namespaces[0]


def _terminate(worker: Process) -> None:
    # Before it made a group of its own it is still in the factory's, which must not get the signal.
    now = same(worker)
    if now is None or now.group != now.pid:
        send(worker, signal.SIGTERM)
        return
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(now.pid, signal.SIGTERM)
        # A stopped process would only find the signal when somebody lets it go on.
        os.killpg(now.pid, signal.SIGCONT)


def _kill_until_gone(kin: Kin, known: dict[int, Process]) -> None:
    # Those seen before stay on the list: one that shed its markers is lost to the search when its parent has gone.
    known = dict(known)
    for turn in range(ROUNDS):
        known = {pid: process for pid, process in known.items() if not is_over(process)} | members(kin)
        if not known:
            return
        for process in known.values():
            send(process, signal.SIGKILL)
        if kin.uid is not None and turn < _ROUNDS_OF_KILLING_ALL:
            _kill_all_of(kin.uid)
        time.sleep(ROUND_SECONDS)
    raise HostUnavailable(f"Processes of a worker survive SIGKILL: pids {sorted(known)}.")


def _kill_all_of(uid: int) -> None:
    """In one call of the kernel, so that a fork bomb cannot outrun it. The shell that calls is spared."""
    with suppress(subprocess.TimeoutExpired):
        subprocess.run(
            ("/bin/sh", "-c", "kill -KILL -1"),
            user=uid,
            group=uid,
            extra_groups=(),
            env={},
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=_KILL_ALL_SECONDS,
            check=False,
        )
