"""A machine of remote workers, from its folder and what it has: the composition root of `factory-worker`."""

import hashlib
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import psutil

from factory.clock import SystemClock
from factory.config import load
from factory.domain.engine_keys import KEYS
from factory.errors import InvalidInput
from factory.integrations import claude_code
from factory.integrations.process_host import ProcessHost
from factory.integrations.process_host_choice import Choice
from factory.integrations.source_cache import SourceCache
from factory.ports import Meter, WorkerHost
from factory.protocol.host import Facts
from factory.transport.host_line import Door
from factory.version import VERSION
from factory.wiring_docker import docker_host
from factory.worker_host.daemon import Daemon
from factory.worker_host.home import Home, Identity
from factory.worker_host.orders import Hands
from factory.worker_host.relay import Relay

_MIB = 1024 * 1024
_CLAUDE = "claude"
_OWN_PROGRAM = "command"


def facts(host: WorkerHost, capacity: int, programs: tuple[Path, ...] | None, *, alone: bool = False) -> Facts:
    """What this machine can do. An engine whose program is not on it is none of its engines; containers have their own.

    Args:
        alone: workers have no network, so none of the engines that call a model would get anywhere.
    """
    engines = [name for name in KEYS if (name != _CLAUDE or programs != ()) and not alone] + [_OWN_PROGRAM]
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    memory = psutil.virtual_memory().total // _MIB
    return Facts(tuple(sorted(set(engines))), cores, memory, capacity or max(cores // 2, 1), host.isolation.value, VERSION)


@dataclass(frozen=True, slots=True)
class Place:
    """Where workers of this machine run. `alone`: they have no network. `meter`: counts what they use; None where nothing does."""

    host: WorkerHost
    alone: bool = False
    meter: Meter | None = None


def place(home: Home, name: str, kind: str, isolation: Choice) -> Place:
    """Where workers of this machine run.

    Raises:
        HostUnavailable: it is a Docker engine that is not there, or has no image of workers.
        InvalidInput: its settings are wrong; they are those of a factory, from the environment or a factory.toml in the host's folder.
    """
    settings = load(os.environ, home.data)
    if settings.network != "host":
        raise InvalidInput(
            f'network is "{settings.network}", which a machine of remote workers does not offer: take it away. '
            "Its processes reach what it reaches itself, its containers what docker_network says."
        )
    if kind == "process":
        return Place(ProcessHost(home.workers, name, Path(sys.executable), isolation, SystemClock()))
    host = docker_host(settings, container_instance(home, name), SystemClock())
    host.ready()
    return Place(host, alone=settings.docker_network == "none", meter=host)


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
    hands = Hands(home, found.host, SourceCache(home.sources), programs or (), found.meter)
    return Daemon(home, Door(identity.endpoint, identity.server_key), told, hands, SystemClock(), leaves)


def relay(home: Home, identity: Identity) -> Relay:
    """The way of agents to the factory."""
    address = urlsplit(identity.endpoint)
    return Relay(home.socket, address.hostname or "", address.port or 0)
