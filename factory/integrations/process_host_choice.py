"""Which way of isolation works on this machine: found by really starting an interpreter in it."""

import os
import shutil
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from factory.errors import HostUnavailable
from factory.integrations.process_host_bubblewrap import Profile, write_passwd
from factory.integrations.process_host_files import delete_tree, make_folder
from factory.integrations.process_host_launch import worker_environment
from factory.integrations.process_host_records import Records
from factory.integrations.process_host_uids import TRIAL
from factory.integrations.process_host_ways import Bubblewrap, Direct, Launch, Way, WorkerLimits
from factory.worker_ports import Isolation

Choice = Literal["auto", "confined", "unconfined", "bubblewrap", "uid"]
"""`confined` refuses where `auto` would fall back to a plain process; the last two ask for one way and nothing else."""

_TRIAL_SECONDS = 20.0
"""For an interpreter's first start from a cold disk on a busy machine. Two trials fit into the wait for the lock."""
_TRIAL_FOLDER = ".trial"
_ENTERED_BY_OTHERS = 0o711
_PRIVATE = 0o700


@dataclass(frozen=True, slots=True)
class Setup:
    """What a choice depends on. `program` is Python text that the interpreter must be able to run in isolation.

    `proven`: another process of the same factory has tried it, so this one need not start an interpreter to know.
    """

    root: Path
    python: Path
    choice: Choice
    limits: WorkerLimits
    network: bool
    program: str
    proven: bool = False


@cache
def chosen(setup: Setup) -> Way:
    """The best way that works here, found out once for each process and set-up.

    The plain way is taken without a trial: there is nothing in it that could fail.

    Raises:
        HostUnavailable: none does and a plain process was not allowed, or a trial took too long: that says nothing about
            the way, and must not lead to a worse one.
    """
    records = make_root(setup.root)
    with records.locked():
        for way in _candidates(setup):
            if setup.proven or way.grade is Isolation.UNCONFINED or _works(way, setup):
                return way
    if not setup.network:
        raise HostUnavailable("Workers cannot be kept from the network as asked for: install bubblewrap, or set network to host.")
    raise HostUnavailable(
        "Workers cannot be confined as asked for: install bubblewrap, or let an interpreter that every user can read "
        "run the factory as root, or allow unconfined workers."
    )


def make_root(root: Path) -> Records:
    """The folder of all workers and, in it, that of their records."""
    records = Records(root / ".meta")
    (root / ".meta").mkdir(mode=_PRIVATE, parents=True, exist_ok=True)
    # A worker with a uid of its own must get through to its folder; it cannot list the others.
    root.chmod(_ENTERED_BY_OTHERS if _is_root() else _PRIVATE)
    return records


def _candidates(setup: Setup) -> list[Way]:
    """Best first. Only bubblewrap can keep a worker from the network."""
    ways: list[Way] = []
    program = shutil.which("bwrap")
    if program and setup.choice in {"auto", "confined", "bubblewrap"}:
        ways.append(Bubblewrap(Path(program), setup.python, setup.limits, _profile(setup)))
    if _is_root() and setup.network and setup.choice in {"auto", "confined", "uid"}:
        ways.append(Direct("uid", setup.python, setup.limits))
    if setup.network and setup.choice in {"auto", "unconfined"}:
        ways.append(Direct("plain", setup.python, setup.limits))
    return ways


def _profile(setup: Setup) -> Profile:
    if not _is_root():
        return Profile(as_root=False, network=setup.network)
    passwd = setup.root / ".meta" / "passwd"
    write_passwd(passwd)
    return Profile(as_root=True, network=setup.network, passwd=passwd)


def _is_root() -> bool:
    return os.geteuid() == 0


def _works(way: Way, setup: Setup) -> bool:
    folder = setup.root / _TRIAL_FOLDER
    uid = TRIAL if way.own_uid else None
    # A host that was killed in a trial may have left it.
    delete_tree(folder)
    make_folder(folder, {}, uid)
    try:
        command = (str(setup.python), "-I", "-c", setup.program)
        return _runs(way, Launch(folder, command, uid), worker_environment(folder, "trial"))
    finally:
        delete_tree(folder)


def _runs(way: Way, launch: Launch, environ: dict[str, str]) -> bool:
    try:
        result = subprocess.run(
            way.arguments(launch),
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=_TRIAL_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise HostUnavailable(f"Trying to isolate by {way.name} took longer than {_TRIAL_SECONDS:g} s.") from None
    except OSError:
        return False
    return result.returncode == 0
