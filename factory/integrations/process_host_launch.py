"""Spawning: what a worker's first process gets of its host, which is as good as nothing."""

import fcntl
import os
import signal
from collections.abc import Iterable, Sequence
from pathlib import Path

from factory.integrations.process_host_table import environment

_ALLOWED = ("PATH", "LANG", "LC_ALL", "TZ", "TERM")
"""All that is taken from the host's environment, which may hold every key that the factory has."""
_USUAL_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_INSTANCE, _WORKER, _FOLDER = "FACTORY_INSTANCE", "FACTORY_WORKER", "FACTORY_WORKER_DIR"
_BEYOND_STANDARD_STREAMS = 10
_LOCK_AT = 3


def worker_environment(folder: Path, instance: str, added: Iterable[tuple[str, str]] = ()) -> dict[str, str]:
    """The allow-list, the worker's own folders, what the order adds, and the markers, which nothing overrides."""
    taken = {name: os.environ[name] for name in _ALLOWED if name in os.environ}
    return {"PATH": _USUAL_PATH} | taken | _own(folder) | dict(added) | _markers(folder, instance)


def worker_markers(folder: Path) -> frozenset[bytes]:
    """Lines of the environment of which everything that the worker starts has at least one.

    Each names the folder, which no other worker of this machine has, whatever its name and instance are. The agent gives
    engines and gates an environment of their own, in which only home and temporary folder have come through.
    """
    lines = _own(folder) | {_FOLDER: str(folder)}
    return frozenset(os.fsencode(f"{name}={value}") for name, value in lines.items())


def marked_worker(pid: int, root: Path, instance: str) -> str | None:
    """The name of the worker of this root and instance that the process belongs to."""
    lines = environment(pid)
    prefix = os.fsencode(f"{_WORKER}=")
    for line in lines:
        if line.startswith(prefix):
            name = os.fsdecode(line.removeprefix(prefix))
            wanted = {os.fsencode(f"{key}={value}") for key, value in _markers(root / name, instance).items()}
            return name if wanted <= lines else None
    return None


def spawned(arguments: Sequence[str], environ: dict[str, str], log: int, lock: int) -> int:
    """Starts the process and returns its pid. `arguments` run the entry program, which closes `lock`.

    The child shares the host's lock until then. So a host that dies between fork and exec leaves the lock held until the
    markers are to be seen, and the next host cannot miss the child and start a second one.
    """
    # No fork: the host has threads. Moved up first, since the numbers that they get may be theirs already.
    high = [fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, _BEYOND_STANDARD_STREAMS) for descriptor in (log, lock)]
    try:
        return os.posix_spawn(
            arguments[0],
            list(arguments),
            environ,
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_DUP2, high[0], 1),
                (os.POSIX_SPAWN_DUP2, high[0], 2),
                (os.POSIX_SPAWN_DUP2, high[1], _LOCK_AT),
            ],
            # A host that ignores or blocks a signal would hand that on, and the worker be deaf to its end.
            setsigmask=(),
            setsigdef=signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP},
        )
    finally:
        for descriptor in high:
            os.close(descriptor)


def _own(folder: Path) -> dict[str, str]:
    return {"HOME": str(folder / "home"), "TMPDIR": str(folder / "tmp")}


def _markers(folder: Path, instance: str) -> dict[str, str]:
    return {_INSTANCE: instance, _WORKER: folder.name, _FOLDER: str(folder)}
