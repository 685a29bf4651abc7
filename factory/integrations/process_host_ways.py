"""The ways in which a process can be kept from this machine.

bubblewrap   own view of the files, own pids, no capability; as root also a uid of its own    confined
uid          a uid of its own (only root can give one)                                        confined
plain        the factory's own user                                                           unconfined
"""

import json
import stat
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, Protocol

from factory.errors import HostUnavailable
from factory.integrations import process_host_entry
from factory.integrations.process_host_bubblewrap import Profile
from factory.integrations.process_host_interpreter import readable_for
from factory.worker_ports import Isolation

PROGRAM = Path(process_host_entry.__file__)
_SIGNALLED = 128
_HIGHEST_SIGNAL = 64
_OTHERS_READ, _OTHERS_ENTER = stat.S_IROTH, stat.S_IXOTH


@dataclass(frozen=True, slots=True)
class WorkerLimits:
    """Limits of the kernel on each worker's processes; None leaves one as the factory has it.

    Attributes:
        nofile: open files of one process.
        nproc: processes and threads of one worker. The kernel counts them by uid, so it holds only where the worker has
            one of its own: elsewhere it would count the user's desktop too.
        core: bytes of a core dump, which would hold what the worker knew.
        memory: bytes of address space of one process. Off, and a trap: node and Go reserve far more than they use and
            die at once under any sensible value. A container's memory limit is the right one.
    """

    nofile: int | None = 4096
    nproc: int | None = 512
    core: int | None = 0
    memory: int | None = None

    def plan(self, *, own_uid: bool) -> dict[str, int]:
        names = {"nofile": "RLIMIT_NOFILE", "nproc": "RLIMIT_NPROC", "core": "RLIMIT_CORE", "memory": "RLIMIT_AS"}
        given = {names[name]: value for name, value in asdict(self).items() if value is not None}
        return {name: value for name, value in given.items() if own_uid or name != "RLIMIT_NPROC"}


@dataclass(frozen=True, slots=True)
class Launch:
    """One worker to be started. `command` begins with an absolute path; `uid` is None where it keeps the factory's."""

    folder: Path
    command: tuple[str, ...]
    uid: int | None
    readable: tuple[Path, ...] = ()


class Way(Protocol):
    """How a launch becomes a command line."""

    @property
    def name(self) -> str: ...
    @property
    def grade(self) -> Isolation: ...
    @property
    def own_uid(self) -> bool:
        """Whether a launch needs a uid that nobody else has."""
        ...

    def arguments(self, launch: Launch) -> tuple[str, ...]:
        """What to execute. Raises `HostUnavailable` where the worker could not read what it must."""
        ...


@dataclass(frozen=True, slots=True)
class Direct:
    """No wrapper: `plain` as the factory's user, `uid` under one of its own."""

    name: Literal["plain", "uid"]
    python: Path
    limits: WorkerLimits

    @property
    def grade(self) -> Isolation:
        return Isolation.CONFINED if self.own_uid else Isolation.UNCONFINED

    @property
    def own_uid(self) -> bool:
        return self.name == "uid"

    def arguments(self, launch: Launch) -> tuple[str, ...]:
        if launch.uid is not None:
            for path in launch.readable:
                _refuse_unless_open(path, (path, *path.absolute().parents))
        return entry(self.python, self.limits, launch)


@dataclass(frozen=True, slots=True)
class Bubblewrap:
    """In namespaces of its own. As root the worker also gets a uid of its own inside: see `Profile`."""

    program: Path
    python: Path
    limits: WorkerLimits
    profile: Profile

    @property
    def name(self) -> str:
        return "bubblewrap"

    @property
    def grade(self) -> Isolation:
        return Isolation.CONFINED

    @property
    def own_uid(self) -> bool:
        return self.profile.as_root

    def arguments(self, launch: Launch) -> tuple[str, ...]:
        if launch.uid is not None:
            for path in launch.readable:
                # What lies above it is made anew inside, so only the path itself has to be open.
                _refuse_unless_open(path, (path,))
        readable = (*readable_for(self.python), PROGRAM.resolve(), *launch.readable)
        wrapper = (str(self.program), *self.profile.options(launch.folder, readable), "--")
        inside = entry(self.python, self.limits, launch)
        return (*_program(self.python), "{}", *wrapper, *inside)


def entry(python: Path, limits: WorkerLimits, launch: Launch) -> tuple[str, ...]:
    """The entry program with its plan and the worker's command."""
    plan: process_host_entry.Plan = {
        "limits": limits.plan(own_uid=launch.uid is not None),
        "folder": str(launch.folder),
    }
    if launch.uid is not None:
        plan["uid"] = launch.uid
    return (*_program(python), json.dumps(plan), *launch.command)


def exit_code(way: str, status: int) -> int:
    """The worker's own exit code, negative for a signal, from what the leader's says about it."""
    signalled = way == "bubblewrap" and _SIGNALLED < status <= _SIGNALLED + _HIGHEST_SIGNAL
    return _SIGNALLED - status if signalled else status


def _program(python: Path) -> tuple[str, ...]:
    return (str(python), "-I", "-S", str(PROGRAM.resolve()))


def _refuse_unless_open(path: Path, chain: tuple[Path, ...]) -> None:
    """By mode bits alone: a uid that was just made up is in no group and in no access list."""
    for part in chain:
        try:
            mode = part.stat().st_mode
        except OSError as error:
            raise HostUnavailable(f"A worker must read {path}, but {part} cannot be looked at: {error}.") from error
        # Who knows what is in a folder need not list it: mirrors and sockets lie in folders that may only be passed.
        wanted = _OTHERS_ENTER if stat.S_ISDIR(mode) else _OTHERS_READ
        if mode & wanted != wanted:
            raise HostUnavailable(f"A worker has a user id of its own and must read {path}: open {part} to others.")
