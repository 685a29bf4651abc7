"""A machine of remote workers, from its folder and what it has: the composition root of `factory-worker`."""

import hashlib
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

import psutil

from factory.clock import SystemClock
from factory.config import Settings, load
from factory.config_docker import size_in_bytes
from factory.domain.engine_keys import KEYS
from factory.domain.limits import fullness
from factory.errors import HostUnavailable, InvalidInput
from factory.integrations import claude_code
from factory.integrations.folder_disk import FolderDisk
from factory.integrations.outlet_process import OutletProcesses
from factory.integrations.process_host import ProcessHost
from factory.integrations.process_host_choice import Choice
from factory.integrations.source_cache import SourceCache
from factory.protocol.host import Facts
from factory.transport.host_line import Door
from factory.version import VERSION
from factory.wiring_docker import docker_host
from factory.worker_host.daemon import Daemon
from factory.worker_host.home import Home, Identity
from factory.worker_host.orders import Hands
from factory.worker_host.relay import Relay
from factory.worker_ports import Meter, WorkerHost

_MIB = 1024 * 1024
_CLAUDE = "claude"
_OWN_PROGRAM = "command"


def facts(
    host: WorkerHost, capacity: int, programs: tuple[Path, ...] | None, *, alone: bool = False, lonely: bool = False
) -> Facts:  # fmt: skip
    """What this machine can do. An engine whose program is not on it is none of its engines; containers have their own.

    Args:
        alone: workers have no network, so none of the engines that call a model would get anywhere but by a way out.
        lonely: such workers can be made here, and let out.
    """
    here = tuple(sorted({*(name for name in KEYS if name != _CLAUDE or programs != ()), _OWN_PROGRAM}))
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    memory = psutil.virtual_memory().total // _MIB
    engines, by_way_out = (_OWN_PROGRAM,) if alone else here, here if lonely else ()
    return Facts(engines, cores, memory, capacity or max(cores // 2, 1), host.isolation.value, VERSION, by_way_out)


@dataclass(frozen=True, slots=True)
class Place:
    """Where workers of this machine run.

    Attributes:
        alone: none of them has a network.
        meter: counts what they use; None where nothing does.
        lonely: makes those that shall have none; None where that cannot be, for the reason `because`.
    """

    host: WorkerHost
    alone: bool = False
    meter: Meter | None = None
    lonely: WorkerHost | None = None
    because: str = ""


def place(home: Home, name: str, kind: str, isolation: Choice) -> Place:
    """Where workers of this machine run.

    Raises:
        HostUnavailable: it is a Docker engine that is not there, or has no image of workers.
        InvalidInput: its settings are wrong; they are those of a factory, from the environment or a factory.toml in the host's folder.
    """
    settings = load(os.environ, home.data)
    if settings.network != "host":
        raise InvalidInput(
            f'network is "{settings.network}", which is for the factory to say, for all of its machines: take it away here. '
            "Where the factory says nothing, processes reach what this machine reaches, and containers what docker_network says."
        )
    if not home.has_room_for_ways_out:
        because = f"the folder {home.data} has too long a name for sockets of workers in it, choose a shorter one with --data"
        return replace(_place(home, name, kind, isolation, settings), lonely=None, because=because)
    return _place(home, name, kind, isolation, settings)


def _place(home: Home, name: str, kind: str, isolation: Choice, settings: Settings) -> Place:
    if kind == "process":
        return _process_place(home, name, isolation)
    host = docker_host(settings, container_instance(home, name), SystemClock())
    host.ready()
    if settings.docker_network == "none":
        return Place(host, alone=True, meter=host, lonely=host)
    return Place(host, meter=host, because=f'docker_network is "{settings.docker_network}", take it away')


def _process_place(home: Home, name: str, isolation: Choice) -> Place:
    python, clock = Path(sys.executable), SystemClock()
    host = ProcessHost(home.workers, name, python, isolation, clock)
    if isolation == "unconfined":
        return Place(host, because="isolation is unconfined, take `--isolation auto`, with bubblewrap")
    lonely = ProcessHost(home.workers, name, python, isolation, clock, network=False)
    try:
        _ = lonely.isolation
    except HostUnavailable as error:
        return Place(host, because=str(error).rstrip("."))
    return Place(host, lonely=lonely)


def container_instance(home: Home, name: str) -> str:
    """By what this host knows its containers: other hosts of the same engine may have this name too, of another factory."""
    return f"{hashlib.sha256(os.fsencode(home.data.resolve())).hexdigest()[:12]}-{name}"


def programs_for(kind: str, environ: Mapping[str, str]) -> tuple[Path, ...] | None:
    """Programs of this machine that engines run; None where workers bring their own."""
    if kind != "process":
        return None
    found = claude_code.find(environ)
    return tuple(dict.fromkeys((found.binary, found.binary.resolve()))) if found else ()


def daemon(home: Home, found: Place, told: Facts, programs: tuple[Path, ...] | None, leaves: Callable[[], bool]) -> Daemon:
    """Of the machine that has joined."""
    identity = home.identity()
    # By its name alone it would be looked for on a path that the worker may not have, and need not be on.
    named = (("CLAUDE_BIN", str(programs[0])),) if programs else ()
    hands = Hands(home, found.host, SourceCache(home.sources), programs or (), found.meter, found.lonely, named)
    outlets = OutletProcesses(home) if found.lonely else None
    door, disk = Door(identity.endpoint, identity.server_key), FolderDisk(home.workers)
    least = size_in_bytes(load(os.environ, home.data).min_free_disk)

    def is_full() -> bool:
        return bool(fullness(*disk.space(), least))

    return Daemon(home, door, told, hands, SystemClock(), leaves, outlets=outlets, is_full=is_full)


def relay(home: Home, identity: Identity) -> Relay:
    """The way of agents to the factory."""
    address = urlsplit(identity.endpoint)
    return Relay(home.socket, address.hostname or "", address.port or 0)
